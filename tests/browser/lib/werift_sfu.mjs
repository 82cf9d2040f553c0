// The smallest WHIP and WHEP server that is not ours, of the npm package werift (own ICE as a full agent, DTLS, SRTP and SDP in
// TypeScript): what the publisher sends goes to every viewer of its room. It says "ready PORT" when it listens on 127.0.0.1.
import http from "node:http";
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } from "werift";

const rooms = new Map(); // name -> { tracks: { audio, video }, viewers: [{ kind, track }], wanted }
const sessions = new Map(); // resource -> connection
const codecs = {
  video: [new RTCRtpCodecParameters({ mimeType: "video/VP8", clockRate: 90000, rtcpFeedback: [{ type: "nack" }, { type: "nack", parameter: "pli" }] })],
  audio: [new RTCRtpCodecParameters({ mimeType: "audio/opus", clockRate: 48000, channels: 2 })],
};

function room(name) {
  if (!rooms.has(name)) rooms.set(name, { viewers: [], wanted: () => {} });
  return rooms.get(name);
}

async function join(kind, name, offer) {
  const connection = new RTCPeerConnection({ codecs, iceServers: [], iceAdditionalHostAddresses: ["127.0.0.1"] });
  const here = room(name);
  if (kind === "whip") {
    connection.onTrack.subscribe((track, transceiver) => {
      track.onReceiveRtp.subscribe((rtp) => {
        for (const viewer of here.viewers) if (viewer.kind === track.kind) viewer.track.writeRtp(rtp.clone());
      });
      if (track.kind !== "video") return;
      here.wanted = () => track.ssrc && transceiver.receiver.sendRtcpPLI(track.ssrc);
    });
  } else {
    for (const media of ["video", "audio"]) {
      if (!offer.includes(`m=${media}`)) continue;
      const track = new MediaStreamTrack({ kind: media });
      connection.addTransceiver(track, { direction: "sendonly" });
      connection.connectionStateChange.subscribe((state) => {
        if (state !== "connected") return;
        here.viewers.push({ kind: media, track });
        if (media === "video") here.wanted();
      });
    }
  }
  await connection.setRemoteDescription({ type: "offer", sdp: offer });
  await connection.setLocalDescription(await connection.createAnswer());
  const resource = `r/${sessions.size + 1}`;
  sessions.set(`/${kind}/${resource}`, connection);
  return { resource, sdp: connection.localDescription.sdp };
}

const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const url = new URL(request.url, "http://127.0.0.1");
  if (request.headers.authorization !== "Bearer letmein") return response.writeHead(401).end();
  if (request.method === "DELETE") {
    await sessions.get(url.pathname)?.close();
    return response.writeHead(sessions.delete(url.pathname) ? 200 : 404).end();
  }
  const [, kind, name] = url.pathname.split("/");
  try {
    const { resource, sdp } = await join(kind, name, body);
    // A relative Location, a Link and no Content-Length: all of that is allowed.
    const headers = { "Content-Type": "application/sdp", Location: resource, Link: '<stun:127.0.0.1:3478>; rel="ice-server"' };
    response.writeHead(201, headers).write(sdp);
    response.end();
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error));
  }
});
server.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
