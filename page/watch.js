// What a viewer receives: one picture and its sound. ?codec= and ?only=1 limit what it can take, as in publish.js.
import { Session } from './session.js';
import { preferCodec } from './publish.js';

/** onStream(stream) is called for each track that comes, also after each reconnection. */
export function watchSession(room, onStream, onState) {
  const prepare = (peer) => {
    preferCodec(peer.addTransceiver('video', { direction: 'recvonly' }), 'receiver');
    peer.addTransceiver('audio', { direction: 'recvonly' });
    const stream = new MediaStream(); // a new one for each try, so that the last picture stays until the new one comes
    peer.ontrack = ({ track }) => {
      stream.addTrack(track);
      onStream(stream);
    };
  };
  return new Session('watch', room, { prepare, onState });
}
