// What a publisher sends: camera or screen, its layers and its codec.
// ?width=, ?height= and ?fps= ask the camera for a size; ?simulcast=1 sends three layers; ?codec=VP8 (VP9, H264, AV1) offers that one
// first, and with ?only=1 no other.
import { FinalError, Session, params } from './session.js';

const mediaErrors = {
  NotAllowedError: 'the browser or you denied it. Allow it in the address bar and try again',
  NotFoundError: 'none was found on this device',
  NotReadableError: 'it is in use by another program',
  OverconstrainedError: 'it cannot deliver the size asked for',
};

/** The stream of the "camera" (with microphone) or of the "screen". */
export async function openSource(kind) {
  const media = navigator.mediaDevices;
  if (!media) throw new FinalError(`No ${kind}: browsers share it only with pages from https:// or localhost`);
  const video = {
    width: { ideal: Number(params.get('width')) || 1280 },
    height: { ideal: Number(params.get('height')) || 720 },
    frameRate: { ideal: Number(params.get('fps')) || 30 },
  };
  try {
    if (kind === 'screen') return await media.getDisplayMedia({ video: { frameRate: video.frameRate }, audio: true });
    try {
      return await media.getUserMedia({ video, audio: true });
    } catch (error) {
      if (error.name !== 'NotFoundError') throw error;
      return await media.getUserMedia({ video }); // a machine without a microphone
    }
  } catch (error) {
    throw new FinalError(`No ${kind}: ${mediaErrors[error.name] || error.message}`);
  }
}

export function publishSession(room, stream, onState) {
  const prepare = (peer) => {
    for (const track of stream.getTracks()) {
      const isVideo = track.kind === 'video';
      const transceiver = peer.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings: isVideo ? encodings() : undefined });
      if (isVideo) preferCodec(transceiver, 'sender');
    }
  };
  return new Session('publish', room, { prepare, onState });
}

/** Three layers, as conference clients send them. */
function encodings() {
  if (!params.get('simulcast')) return undefined;
  return [
    { rid: 'q', scaleResolutionDownBy: 4 },
    { rid: 'h', scaleResolutionDownBy: 2 },
    { rid: 'f' },
  ];
}

export function preferCodec(transceiver, side) {
  const wanted = params.get('codec')?.toLowerCase();
  const capabilities = side === 'sender' ? RTCRtpSender.getCapabilities : RTCRtpReceiver.getCapabilities;
  const codecs = capabilities?.('video')?.codecs;
  if (!wanted || !codecs || !transceiver.setCodecPreferences) return;
  const isWanted = (codec) => codec.mimeType.toLowerCase() === `video/${wanted}`;
  const others = codecs.filter((codec) => (params.get('only') ? /rtx$/i.test(codec.mimeType) : !isWanted(codec)));
  transceiver.setCodecPreferences([...codecs.filter(isWanted), ...others]);
}
