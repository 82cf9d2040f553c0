#include "tools/load/report.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <unordered_map>

namespace sluice::loadgen {
namespace {

namespace json = boost::json;

double ms(std::int64_t ns) {
    return std::round(static_cast<double>(ns) / 1e5) / 10;
}

// What the publishers sent, by stream.
std::unordered_map<std::uint32_t, std::uint64_t> sent_of(const Crowd& crowd) {
    std::unordered_map<std::uint32_t, std::uint64_t> sent;
    for (const auto& publisher : crowd.publishers)
        for (const SentTrack& track : publisher->sent_tracks()) sent[track.stream] = track.count;
    return sent;
}

// What was sent of a stream after the last packet that this viewer got of it.
std::uint64_t tail_lost(const std::unordered_map<std::uint32_t, std::uint64_t>& sent, const Viewer& viewer) {
    std::uint64_t lost = 0;
    for (const TrackView& track : viewer.track_views())
        if (const auto found = sent.find(track.stream); found != sent.end() && found->second > track.last_counter + 1)
            lost += found->second - track.last_counter - 1;
    return lost;
}

json::object spread(std::vector<double>& values) {
    return {{"p50", percentile(values, 0.5)}, {"p99", percentile(values, 0.99)}, {"max", percentile(values, 1)}};
}

// From the wish to join until connected, its POST alone, and the wait for a whole picture, from the wish and from connected.
void add_joins(json::object& o, const Crowd& crowd) {
    std::vector<double> join, post, picture, wait, first;
    std::int64_t begun_ns = INT64_MAX, ended_ns = 0;
    std::uint64_t waiting = 0;
    for (const auto& v : crowd.viewers) {
        if (v->first_media_ns() != 0) first.push_back(ms(v->first_media_ns() - v->posted_ns));
        if (v->connected_ns() == 0) continue;
        join.push_back(ms(v->connected_ns() - v->wanted_ns));
        post.push_back(ms(v->answered_ns - v->posted_ns));
        begun_ns = std::min(begun_ns, v->wanted_ns);
        ended_ns = std::max(ended_ns, v->connected_ns());
        waiting += v->phase() == Phase::connected && v->wants_picture();
        if (v->first_picture_ns() == 0) continue;
        picture.push_back(ms(v->first_picture_ns() - v->wanted_ns));
        wait.push_back(ms(v->first_picture_ns() - v->connected_ns()));
    }
    o["viewers_without_picture"] = waiting;
    o["join_seconds"] = join.empty() ? 0 : ms(ended_ns - begun_ns) / 1000;
    o["join_ms"] = spread(join);
    o["post_ms"] = spread(post);
    o["first_media_ms"] = spread(first);  // from the POST
    o["first_picture_ms"] = spread(picture);
    o["picture_wait_ms"] = spread(wait);
}

void add_latency(json::object& o, const Histogram& latency) {
    const auto us = [&](double share) { return std::round(static_cast<double>(latency.percentile(share)) / 100) / 10; };
    o["latency_us"] =
        json::object{{"packets", latency.count()}, {"p50", us(0.5)}, {"p99", us(0.99)}, {"p999", us(0.999)}, {"max", us(1)}};
}

void add_peers(json::object& o, const Crowd& crowd, std::int64_t now_ns) {
    PeerCounters all;
    std::uint64_t sent = 0, answered = 0, failed = 0;
    std::int64_t oldest = 0, oldest_now = 0;
    const auto add = [&](Peer& peer) {
        const PeerCounters& c = peer.counters();
        all.rtp_received += c.rtp_received;
        all.rtcp_received += c.rtcp_received;
        all.duplicates += c.duplicates;
        all.auth_failures += c.auth_failures;
        all.malformed += c.malformed;
        all.unknown_ssrc += c.unknown_ssrc;
        all.index_reuse += c.index_reuse;
        all.rtcp_index_reuse += c.rtcp_index_reuse;
        all.index_regressions += c.index_regressions;
        all.rtcp_index_regressions += c.rtcp_index_regressions;
        all.socket_drops += c.socket_drops;
        all.send_errors += c.send_errors;
        sent += peer.consent().checks_sent();
        answered += peer.consent().checks_answered();
        failed += peer.consent().failures();
        if (peer.phase() != Phase::connected) return;
        oldest = std::max(oldest, peer.consent().max_age_ns(now_ns));
        oldest_now = std::max(oldest_now, peer.consent().age_ns(now_ns));
    };
    for (const auto& p : crowd.publishers) add(*p);
    for (const auto& v : crowd.viewers) add(*v);
    o["rtp_received"] = all.rtp_received;
    o["rtcp_received"] = all.rtcp_received;
    o["duplicates"] = all.duplicates;
    o["auth_failures"] = all.auth_failures;
    o["malformed"] = all.malformed;
    o["unknown_ssrc"] = all.unknown_ssrc;
    o["index_reuse"] = all.index_reuse;
    o["rtcp_index_reuse"] = all.rtcp_index_reuse;
    o["index_regressions"] = all.index_regressions;
    o["rtcp_index_regressions"] = all.rtcp_index_regressions;
    o["socket_drops"] = all.socket_drops;
    o["send_errors"] = all.send_errors;
    o["consent_sent"] = sent;
    o["consent_answered"] = answered;
    o["consent_failures"] = failed;
    o["consent_max_age_ms"] = ms(oldest);  // since the mark
    o["consent_age_ms"] = ms(oldest_now);
}

void add_viewers(json::object& o, const Crowd& crowd, std::int64_t now_ns, bool final) {
    ViewerCounters all;
    std::uint64_t lost = 0, jumps = 0, rebind_lost = 0, tail = 0, connected = 0, failed = 0, with_media = 0, stalled = 0;
    std::vector<double> gaps;
    const auto sent = final ? sent_of(crowd) : decltype(sent_of(crowd)){};
    std::int64_t silent = 0;
    for (const auto& v : crowd.viewers) {
        const ViewerCounters& c = v->viewer_counters();
        connected += v->phase() == Phase::connected;
        failed += v->phase() == Phase::failed;
        with_media += v->first_media_ns() != 0;
        if (v->phase() == Phase::connected) {
            gaps.push_back(ms(v->max_gap_ns(now_ns)));
            silent = std::max(silent, v->silent_ns(now_ns));
            stalled += v->stalled(now_ns);
        }
        for (const TrackView& track : v->track_views()) {
            lost += track.lost;
            jumps += track.jumps;
            rebind_lost += track.rebind_lost;
        }
        if (final && v->phase() == Phase::connected) tail += tail_lost(sent, *v);
        all.rtx_received += c.rtx_received;
        all.rtx_useless += c.rtx_useless;
        all.rtp_filled += c.rtp_filled;
        all.thrown_away += c.thrown_away;
        all.content_errors += c.content_errors;
        all.content_lost += c.content_lost;
        all.content_repeats += c.content_repeats;
        all.content_jumped += c.content_jumped;
        all.stream_switches += c.stream_switches;
        all.resumed_without_keyframe += c.resumed_without_keyframe;
        all.nacks_sent += c.nacks_sent;
        all.plis_sent += c.plis_sent;
        all.checked += c.checked;
        all.transport_cc_sent += c.transport_cc_sent;
        all.sender_reports += c.sender_reports;
        all.rebinds += c.rebinds;
        all.rebind_gap_ns = std::max(all.rebind_gap_ns, c.rebind_gap_ns);
    }
    o["viewers"] = crowd.viewers.size();
    o["viewers_connected"] = connected;
    o["viewers_failed"] = failed;
    o["viewers_with_media"] = with_media;
    o["viewers_stalled"] = stalled;
    o["rtp_lost"] = lost;
    o["rtp_tail_lost"] = tail;
    o["rtp_filled"] = all.rtp_filled;
    o["rtx_received"] = all.rtx_received;
    o["rtx_useless"] = all.rtx_useless;
    o["thrown_away"] = all.thrown_away;
    o["index_jumps"] = jumps;
    o["content_errors"] = all.content_errors;
    o["content_lost"] = all.content_lost;
    o["content_repeats"] = all.content_repeats;
    o["content_jumped"] = all.content_jumped;
    o["stream_switches"] = all.stream_switches;
    o["resumed_without_keyframe"] = all.resumed_without_keyframe;
    o["nacks_sent"] = all.nacks_sent;
    o["plis_sent"] = all.plis_sent;
    o["transport_cc_sent"] = all.transport_cc_sent;
    o["rtp_checked"] = all.checked;
    o["sender_reports"] = all.sender_reports;
    o["rebinds"] = all.rebinds;
    o["rebind_lost"] = rebind_lost;
    o["rebind_gap_ms"] = ms(all.rebind_gap_ns);
    o["max_gap_ms"] = gaps.empty() ? 0 : *std::max_element(gaps.begin(), gaps.end());  // since the mark
    o["silent_ms"] = ms(silent);                                                       // the longest that is under way
    o["gap_p50_ms"] = percentile(gaps, 0.5);
}

void add_publishers(json::object& o, const Crowd& crowd) {
    PublisherCounters all;
    std::uint64_t connected = 0;
    for (const auto& p : crowd.publishers) {
        const PublisherCounters& c = p->publisher_counters();
        connected += p->phase() == Phase::connected;
        all.rtp_sent += c.rtp_sent;
        all.keyframes += c.keyframes;
        all.rtx_sent += c.rtx_sent;
        all.rtx_unknown += c.rtx_unknown;
        all.plis += c.plis;
        all.firs += c.firs;
        all.nacks += c.nacks;
        all.transport_cc += c.transport_cc;
        all.rembs += c.rembs;
        all.receiver_reports += c.receiver_reports;
        all.upstream_lost += c.upstream_lost;
    }
    o["publishers"] = crowd.publishers.size();
    o["publishers_connected"] = connected;
    o["rtp_sent"] = all.rtp_sent;
    o["keyframes_sent"] = all.keyframes;
    o["upstream"] = json::object{{"plis", all.plis},
                                 {"firs", all.firs},
                                 {"nacks", all.nacks},
                                 {"rtx_sent", all.rtx_sent},
                                 {"rtx_unknown", all.rtx_unknown},
                                 {"transport_cc", all.transport_cc},
                                 {"rembs", all.rembs},
                                 {"receiver_reports", all.receiver_reports},
                                 {"lost", all.upstream_lost}};
}

json::object peer_json(Peer& peer, std::int64_t now_ns) {
    return {{"peer", peer.number()},
            {"phase", std::string{to_string(peer.phase())}},
            {"port", peer.local_port()},
            {"resource", peer.resource()},
            {"opened_by", peer.oracle() ? "libsrtp" : "ipsec_mb"},
            {"suite", std::string{srtp::to_string(peer.suite())}},
            {"rtp_received", peer.counters().rtp_received},
            {"auth_failures", peer.counters().auth_failures},
            {"consent_age_ms", ms(peer.consent().age_ns(now_ns))},
            {"consent_failures", peer.consent().failures()}};
}

std::uint64_t number(const json::object& o, std::string_view key) {
    return o.at(key).to_number<std::uint64_t>();
}

}  // namespace

double percentile(std::vector<double>& values, double share) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::min(values.size() - 1, rank == 0 ? 0 : rank - 1)];
}

json::object totals(const World& world, const Crowd& crowd, std::int64_t now_ns, bool final) {
    json::object o{{"version", 1}, {"now_ns", now_ns}, {"room", world.options.room}};
    add_publishers(o, crowd);
    add_viewers(o, crowd, now_ns, final);
    add_joins(o, crowd);
    add_latency(o, world.latency);
    add_peers(o, crowd, now_ns);
    json::array errors;
    for (const std::string& e : world.errors) errors.emplace_back(e);
    o["errors"] = std::move(errors);
    return o;
}

json::object details(const Crowd& crowd, std::int64_t now_ns) {
    json::array publishers, viewers;
    for (const auto& p : crowd.publishers) publishers.push_back(peer_json(*p, now_ns));
    for (const auto& v : crowd.viewers) {
        json::object o = peer_json(*v, now_ns);
        o["silent_ms"] = ms(v->silent_ns(now_ns));
        o["max_gap_ms"] = ms(v->max_gap_ns(now_ns));
        o["first_media_ms"] = v->first_media_ns() == 0 ? -1 : ms(v->first_media_ns() - v->posted_ns);
        json::array tracks;
        for (const TrackView& t : v->track_views())
            tracks.push_back(json::object{{"kind", t.kind == Kind::video ? "video" : "audio"},
                                          {"stream", t.stream},
                                          {"last_counter", t.last_counter},
                                          {"lost", t.lost},
                                          {"jumps", t.jumps},
                                          {"rebind_lost", t.rebind_lost}});
        o["tracks"] = std::move(tracks);
        viewers.push_back(std::move(o));
    }
    return {{"publishers", std::move(publishers)}, {"viewers", std::move(viewers)}};
}

std::vector<std::string> failures(const Options& options, const json::object& o) {
    std::vector<std::string> found;
    const auto none = [&](std::string_view key, std::string_view meaning) {
        if (const auto n = number(o, key); n != 0)
            found.push_back(std::string{key} + " " + std::to_string(n) + ": " + std::string{meaning});
    };
    none("viewers_failed", "viewers that could not join");
    none("auth_failures", "packets that did not open");
    none("content_errors", "packets whose content is not what was published");
    none("index_reuse", "two packets were sealed under one SRTP index");
    none("rtcp_index_reuse", "two packets were sealed under one SRTCP index");
    none("index_regressions", "SRTP indices went back");
    none("rtcp_index_regressions", "SRTCP indices went back");
    none("malformed", "datagrams that do not parse");
    if (number(o, "publishers_connected") < number(o, "publishers")) found.emplace_back("a publisher is not connected");
    if (number(o, "publishers") != 0 && number(o, "viewers_with_media") < number(o, "viewers_connected"))
        found.emplace_back("viewers without any media: " +
                           std::to_string(number(o, "viewers_connected") - number(o, "viewers_with_media")));
    const auto promised = [&](std::string_view key, double most, std::string_view what) {
        const double p99 = o.at(key).at("p99").to_number<double>();
        if (most > 0 && p99 > most)
            found.push_back(std::string{what} + ": p99 is " + std::to_string(p99) + " ms, promised " + std::to_string(most));
    };
    promised("join_ms", options.expect_join_ms, "the join");
    promised("picture_wait_ms", options.expect_picture_ms, "the wait for a picture");
    if (options.expect_picture_ms > 0) none("viewers_without_picture", "viewers that never had a whole picture");
    if (!options.expect_no_loss) return found;
    none("rtp_lost", "gaps that were not filled");
    none("rtp_tail_lost", "sent at the end and not received");
    none("content_lost", "left out by the SFU without a gap");
    none("content_repeats", "sent twice by the SFU");
    none("content_jumped", "left out by the SFU in a jump");
    return found;
}

std::string as_text(const json::object& o) {
    std::string text;
    for (const auto& [key, value] : o) {
        text += std::string{key} + std::string(key.size() < 28 ? 28 - key.size() : 1, ' ');
        text += value.is_string() ? std::string{value.as_string()} : json::serialize(value);
        text += '\n';
    }
    return text;
}

}  // namespace sluice::loadgen
