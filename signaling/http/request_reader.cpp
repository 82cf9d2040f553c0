// Beast asserts n >= 5 when it resumes a final chunk, but a body of one empty chunk that stops at "0\r\n\r" has four
// bytes; without the assertion the case is handled right. A peer must not abort a debug build.
#define BOOST_DISABLE_ASSERTS

#include "signaling/http/request_reader.hpp"

#include "signaling/http/url.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <limits>

namespace sluice::http {

namespace beast_http = boost::beast::http;

struct RequestReader::Parser {
    beast_http::request_parser<beast_http::string_body> parser;

    explicit Parser(const Limits& limits) {
        parser.eager(true);
        parser.header_limit(static_cast<std::uint32_t>(
            std::min<std::size_t>(limits.header_bytes, std::numeric_limits<std::uint32_t>::max())));
        parser.body_limit(limits.body_bytes);
    }
};

namespace {

int status_of(const boost::system::error_code& error) {
    if (error == beast_http::error::header_limit || error == beast_http::error::buffer_overflow) return 431;
    if (error == beast_http::error::body_limit) return 413;
    return 400;
}

}  // namespace

RequestReader::RequestReader(const Limits& limits) : limits_(limits), parser_(std::make_unique<Parser>(limits)) {}
RequestReader::~RequestReader() = default;

void RequestReader::push(std::string_view bytes) {
    if (phase_ == Phase::failed) return;
    if (used_ > 0) {
        input_.erase(0, used_);
        used_ = 0;
    }
    input_.append(bytes);
}

RequestReader::Phase RequestReader::advance() {
    if (phase_ == Phase::idle) {
        // RFC 9112 §2.2: empty lines before a request are ignored.
        while (used_ + 1 < input_.size() && input_[used_] == '\r' && input_[used_ + 1] == '\n') used_ += 2;
    }
    auto& parser = parser_->parser;
    while (phase_ != Phase::complete && phase_ != Phase::failed && used_ < input_.size()) {
        boost::system::error_code error;
        const std::size_t available = input_.size() - used_;
        const std::size_t taken = parser.put(boost::asio::const_buffer(input_.data() + used_, available), error);
        if (error && error != beast_http::error::need_more) {
            const std::string_view line = std::string_view(input_).substr(used_, input_.find('\r', used_) - used_);
            const bool other_version =
                error == beast_http::error::bad_version && line.find(" HTTP/") != std::string_view::npos;
            fail(other_version ? 505 : status_of(error), error.message());
            break;
        }
        used_ += taken;
        phase_ = parser.is_header_done() ? Phase::body : Phase::header;
        if (parser.is_done()) convert();
        if (taken == 0 || error == beast_http::error::need_more) break;
    }
    return phase_;
}

bool RequestReader::expects_continue() const {
    if (phase_ != Phase::body || used_ < input_.size()) return false;
    const auto& message = parser_->parser.get();
    return message.version() >= 11 && boost::beast::iequals(message[beast_http::field::expect], "100-continue");
}

void RequestReader::convert() {
    auto message = parser_->parser.release();
    if (message.version() != 10 && message.version() != 11) return fail(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
    if (message.version() == 11 && message.count(beast_http::field::host) != 1)
        return fail(400, "An HTTP/1.1 request needs exactly one Host field");

    Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    std::string_view target = request.target;
    // RFC 9112 §3.2.2: the absolute form is accepted, its authority ignored.
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        const auto slash = target.find('/', scheme.size());
        target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    }
    if (!target.starts_with('/') && !(target == "*" && request.method == "OPTIONS"))
        return fail(400, "The request target must be a path");
    const auto question = target.find('?');
    request.path = std::string(target.substr(0, question));
    if (question != std::string_view::npos) request.query = parse_query(target.substr(question + 1));
    for (const auto& field : message) request.headers.add(std::string(field.name_string()), std::string(field.value()));
    request.keep_alive = message.keep_alive();
    request.body = std::move(message.body());
    request_ = std::move(request);
    phase_ = Phase::complete;
}

Request RequestReader::take() {
    Request request = std::move(request_);
    request_ = {};
    parser_ = std::make_unique<Parser>(limits_);
    phase_ = Phase::idle;
    return request;
}

std::string RequestReader::release_rest() {
    std::string rest = input_.substr(used_);
    input_.clear();
    used_ = 0;
    return rest;
}

void RequestReader::fail(int status, std::string detail) {
    phase_ = Phase::failed;
    error_status_ = status;
    error_detail_ = std::move(detail);
}

Response RequestReader::error() const {
    return Response::problem(error_status_, reason_phrase(error_status_), error_detail_);
}

}  // namespace sluice::http
