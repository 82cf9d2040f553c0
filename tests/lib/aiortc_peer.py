"""WHIP and WHEP peers that are no browser: aiortc (own ICE, DTLS, SRTP and jitter buffer; AES-CM with HMAC-SHA1 only).

Example: async with Publisher("room") as publisher, Viewer("room") as viewer: await viewer.wait_frames(30)
"""
import asyncio
import fractions
import math
import time

import aiortc
import av
import numpy

from sluice import request

AUDIO_RATE = 48000
AUDIO_SAMPLES = 960  # 20 ms


class MovingPicture(aiortc.mediastreams.VideoStreamTrack):
    """640x360 at 15 frames a second: a bar that wanders over a gradient."""

    def __init__(self, width=640, height=360, rate=15):
        super().__init__()
        self.rate = rate
        self.count = 0
        self.start = None
        self.gradient = numpy.tile(numpy.linspace(40, 200, width, dtype=numpy.uint8), (height, 1))

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0.0, self.start + self.count / self.rate - time.monotonic()))
        luma = self.gradient.copy()
        x = 8 * self.count % (luma.shape[1] - 40)
        luma[:, x : x + 40] = 250
        frame = av.VideoFrame.from_ndarray(numpy.repeat(luma[:, :, None], 3, axis=2), format="rgb24")
        frame.pts = int(self.count * 90000 / self.rate)
        frame.time_base = fractions.Fraction(1, 90000)
        self.count += 1
        return frame


class Tone(aiortc.mediastreams.AudioStreamTrack):
    """440 Hz, half of full scale."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.start = None

    async def recv(self):
        self.start = self.start or time.monotonic()
        await asyncio.sleep(max(0.0, self.start + self.count * AUDIO_SAMPLES / AUDIO_RATE - time.monotonic()))
        at = (numpy.arange(AUDIO_SAMPLES) + self.count * AUDIO_SAMPLES) / AUDIO_RATE
        samples = (16384 * numpy.sin(2 * math.pi * 440 * at)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = AUDIO_RATE
        frame.pts = self.count * AUDIO_SAMPLES
        frame.time_base = fractions.Fraction(1, AUDIO_RATE)
        self.count += 1
        return frame


class Peer:
    """A session: made on entering, deleted on leaving."""

    protocol = ""

    def __init__(self, room, token=None):
        self.room = room
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection = aiortc.RTCPeerConnection()
        self.resource = None
        self.answer = ""

    def prepare(self):
        raise NotImplementedError

    async def __aenter__(self):
        self.prepare()
        try:
            await self.negotiate()
        except BaseException:
            await self.connection.close()
            raise
        return self

    async def negotiate(self):
        connected = asyncio.Event()
        self.connection.on("connectionstatechange", lambda: self.connection.connectionState == "connected" and connected.set())
        await self.connection.setLocalDescription(await self.connection.createOffer())
        headers = {"Content-Type": "application/sdp", **self.headers}
        status, answer_headers, self.answer = await asyncio.to_thread(
            request, "POST", f"/{self.protocol}/{self.room}", self.connection.localDescription.sdp, headers)
        if status != 201:
            raise AssertionError(f"{self.protocol} answered {status}: {self.answer}")
        self.resource = answer_headers["Location"]
        self.etag = answer_headers["ETag"]
        await self.connection.setRemoteDescription(aiortc.RTCSessionDescription(self.answer, "answer"))
        await asyncio.wait_for(connected.wait(), 10)

    @property
    def path(self):
        return self.resource if self.resource.startswith("/") else "/" + self.resource.split("/", 3)[3]

    async def is_known(self):
        """Whether the server still has this session: a trickle fragment that changes nothing."""
        lines = self.connection.localDescription.sdp.splitlines()
        wanted = [next(line for line in lines if line.startswith(start)) for start in ("a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:")]
        headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": self.etag, **self.headers}
        status, _, body = await asyncio.to_thread(request, "PATCH", self.path, "\r\n".join([*wanted, "a=end-of-candidates", ""]), headers)
        if status not in (200, 204, 404):
            raise AssertionError(f"PATCH answered {status}: {body}")
        return status != 404

    async def __aexit__(self, *_):
        if self.resource:
            self.deleted = (await asyncio.to_thread(request, "DELETE", self.path, None, self.headers))[0]
        await self.connection.close()

    async def stats(self, kind):
        """All rows of that type, such as "inbound-rtp"."""
        return [row for row in (await self.connection.getStats()).values() if row.type == kind]


class Publisher(Peer):
    protocol = "whip"

    def prepare(self):
        self.connection.addTransceiver(MovingPicture(), direction="sendonly")
        self.connection.addTransceiver(Tone(), direction="sendonly")


class Viewer(Peer):
    """Counts what it decodes: `frames`, the last `picture` (luma), and `energy` of the sound."""

    protocol = "whep"

    def __init__(self, room, token=None):
        super().__init__(room, token)
        self.frames = 0
        self.audio_frames = 0
        self.energy = 0.0
        self.picture = None
        self.tasks = []

    def prepare(self):
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.addTransceiver("audio", direction="recvonly")
        self.connection.on("track", lambda track: self.tasks.append(asyncio.ensure_future(self.consume(track))))

    async def consume(self, track):
        while True:
            try:
                frame = await track.recv()
            except aiortc.mediastreams.MediaStreamError:
                return
            if track.kind == "video":
                self.frames += 1
                self.picture = frame
            else:
                self.audio_frames += 1
                self.energy += float((frame.to_ndarray().astype(numpy.float64) ** 2).mean())

    async def wait_frames(self, count, seconds=15):
        deadline = time.monotonic() + seconds
        wanted = self.frames + count
        while self.frames < wanted:
            if time.monotonic() > deadline:
                raise AssertionError(f"{count - (wanted - self.frames)} of {count} frames in {seconds} s")
            await asyncio.sleep(0.02)

    async def lost(self):
        return sum(row.packetsLost for row in await self.stats("inbound-rtp"))

    async def __aexit__(self, *exception):
        await super().__aexit__(*exception)
        for task in self.tasks:
            task.cancel()
