// Everything of sluice::srtp, for users of more than one part.
#pragma once

#include "dataplane/srtp/engine.hpp"
#include "dataplane/srtp/hmac.hpp"
#include "dataplane/srtp/key.hpp"
#include "dataplane/srtp/opener.hpp"
#include "dataplane/srtp/replay.hpp"
#include "dataplane/srtp/sealer.hpp"
#include "dataplane/srtp/suite.hpp"
