#include "tools/sluicectl/completion.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <set>

namespace sluice::ctl {
namespace {

using Apps = std::function<bool(const CLI::App*)>;

struct Model {
    std::map<std::string, std::set<std::string>> words;  // by verb, "" at the top: what may stand there
    std::set<std::string> takes_value;                   // options whose next word is no verb
};

void add_options(const CLI::App& app, std::set<std::string>& words, Model& model) {
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) continue;
        for (const std::string& name : option->get_lnames()) {
            words.insert("--" + name);
            if (option->get_items_expected_max() > 0) model.takes_value.insert("--" + name);
        }
    }
    for (const CLI::App* group : app.get_subcommands(Apps{}))
        if (group->get_name().empty()) add_options(*group, words, model);
}

void add_verbs(const CLI::App& app, const std::string& path, const std::set<std::string>& common, Model& model) {
    std::set<std::string>& words = model.words[path];
    words.insert(common.begin(), common.end());
    add_options(app, words, model);
    for (const CLI::App* verb : app.get_subcommands(Apps{})) {
        if (verb->get_name().empty() || verb->get_group().empty()) continue;
        words.insert(verb->get_name());
        add_verbs(*verb, path.empty() ? verb->get_name() : path + ' ' + verb->get_name(), common, model);
    }
}

std::string joined(const std::set<std::string>& words, const char* separator) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : separator) + word;
    return out;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
    Model model;
    std::set<std::string> common;  // they may stand behind the verb too
    add_options(app, common, model);
    add_verbs(app, "", common, model);
    std::string cases;
    for (const auto& [path, words] : model.words) cases += "        '" + path + "') words='" + joined(words, " ") + "' ;;\n";
    // The verb is found by walking the line: options and their values are skipped, and a word that is no verb ends it.
    return "# bash completion for sluicectl; made by `sluicectl completion bash`\n"
           "_sluicectl_words() {\n"
           "    local words=\n"
           "    case $1 in\n" +
           cases +
           "        *) return 1 ;;\n"
           "    esac\n"
           "    printf '%s' \"$words\"\n"
           "}\n"
           "_sluicectl() {\n"
           "    local i word path= takes_value='|" +
           joined(model.takes_value, "|") +
           "|'\n"
           "    COMPREPLY=()\n"
           "    [[ $takes_value != *\"|${COMP_WORDS[COMP_CWORD-1]}|\"* ]] || return 0  # a value: file names\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        word=${COMP_WORDS[i]}\n"
           "        if [[ $takes_value == *\"|$word|\"* ]]; then ((i++)); continue; fi\n"
           "        [[ $word != -* ]] || continue\n"
           "        _sluicectl_words \"${path:+$path }$word\" >/dev/null || break\n"
           "        path=${path:+$path }$word\n"
           "    done\n"
           "    COMPREPLY=($(compgen -W \"$(_sluicectl_words \"$path\")\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\n"
           "complete -o default -F _sluicectl sluicectl\n";
}

}  // namespace sluice::ctl
