"""A peer that is no browser publishes and watches through WHIP and WHEP: aiortc, which knows only AES-CM with HMAC-SHA1."""
import asyncio
import base64
import hashlib
import hmac
import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from aiortc_peer import Publisher, Viewer  # noqa: E402
from sluice import QUICK, Quickstart, figure, request, run_tests  # noqa: E402

SECONDS = 5 if QUICK else 15


def token(room, key="devkey", secret="secret"):
    """A bearer token as LiveKit's SDKs make it."""
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    claims = {"iss": key, "sub": "tester", "exp": int(time.time()) + 600, "video": {"room": room, "roomJoin": True, "canPublish": True, "canSubscribe": True}}
    text = encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + encode(json.dumps(claims).encode())
    return text + "." + encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


class Aiortc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sluice = Quickstart().start()

    @classmethod
    def tearDownClass(cls):
        cls.sluice.stop()

    def test_publishes_to_three_viewers_without_a_lost_packet(self):
        async def scene():
            async with Publisher("scene") as publisher, Viewer("scene") as a, Viewer("scene") as b, Viewer("scene") as c:
                viewers = (a, b, c)
                for viewer in viewers:
                    await viewer.wait_frames(5)
                before = [viewer.frames for viewer in viewers]
                await asyncio.sleep(SECONDS)
                for viewer, earlier in zip(viewers, before):
                    frames = viewer.frames - earlier
                    figure("aiortc", f"{frames} frames in {SECONDS} s, lost {await viewer.lost()}, {viewer.audio_frames} audio frames")
                    self.assertEqual(await viewer.lost(), 0)
                    self.assertGreaterEqual(frames, 0.9 * 15 * SECONDS)
                    self.assertGreater(viewer.energy, 0)
                    luma = viewer.picture.to_ndarray(format="gray")
                    self.assertEqual(luma.shape, (360, 640))
                    self.assertGreater(luma.std(), 20)
                sent = await publisher.stats("remote-inbound-rtp")
                self.assertTrue(sent, "no receiver report reached the publisher")
                self.assertEqual(sum(row.packetsLost for row in sent), 0)
            self.assertEqual([peer.deleted for peer in (publisher, *viewers)], [200] * 4)

        asyncio.run(scene())

    def test_a_viewer_who_comes_first_gets_the_picture(self):
        async def scene():
            async with Viewer("first") as viewer:
                await asyncio.sleep(1)
                async with Publisher("first"):
                    await viewer.wait_frames(15)
                # And of the next publisher, with no action of its own.
                async with Publisher("first"):
                    await viewer.wait_frames(15)

        asyncio.run(scene())

    def test_tokens_are_honoured(self):
        async def scene():
            async with Publisher("tokens", token("tokens")), Viewer("tokens", token("tokens")) as viewer:
                await viewer.wait_frames(5)

        asyncio.run(scene())

    def test_a_wrong_token_is_refused(self):
        for wrong in (token("other"), token("tokens", secret="guess"), "nonsense"):
            with self.subTest(wrong[:20]):
                headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {wrong}"}
                self.assertIn(request("POST", "/whip/tokens", "v=0\r\n", headers)[0], (401, 403))


if __name__ == "__main__":
    run_tests()
