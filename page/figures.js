// What flows through this tab: getStats() of a session as totals, and the tiles that show their change each second.
import { $, Tiles, bits, perSecond } from './drawing.js';
import { sleep } from './session.js';

/** getStats(), or an error: Firefox never answers for a connection that is closed meanwhile, and the next second's figures must not wait for it. */
async function statsOf(peer) {
  const report = await Promise.race([peer.getStats(), sleep(1000)]);
  if (!report) throw new Error('The browser gives no figures of a connection that was closed');
  return report;
}

/** Totals; rates come from two of these. */
export async function readFigures(session) {
  const report = session.peer ? await statsOf(session.peer) : new Map();
  const rows = [...report.values()];
  const sending = session.role === 'publish';
  const streams = rows.filter((row) => row.type === (sending ? 'outbound-rtp' : 'inbound-rtp'));
  const feedback = rows.filter((row) => row.type === 'remote-inbound-rtp');
  const transport = rows.find((row) => row.type === 'transport');
  const pair = report.get(transport?.selectedCandidatePairId) ?? rows.find((row) => row.type === 'candidate-pair' && (row.selected || row.nominated));
  const sum = (list, name) => list.reduce((total, row) => total + (row[name] || 0), 0);
  const pictures = streams.filter((row) => row.kind === 'video' && row.frameHeight && row.active !== false).sort((a, b) => b.frameHeight - a.frameHeight);
  const picture = pictures[0]; // of several layers the largest that is alive is the one to show
  const rtt = pair?.currentRoundTripTime ?? feedback.find((row) => row.roundTripTime)?.roundTripTime;
  return {
    connections: session.connections,
    time: performance.now(),
    bytes: sum(streams, sending ? 'bytesSent' : 'bytesReceived'),
    packets: sum(streams, sending ? 'packetsSent' : 'packetsReceived'),
    lost: sum(sending ? feedback : streams, 'packetsLost'),
    framesDecoded: sum(streams, 'framesDecoded'),
    framesReceived: sum(streams, 'framesReceived'),
    framesEncoded: sum(streams, 'framesEncoded'),
    freezes: sum(streams, 'freezeCount'),
    rttMs: rtt === undefined ? undefined : rtt * 1000,
    width: picture?.frameWidth,
    height: picture?.frameHeight,
    fps: picture?.framesPerSecond,
    layers: pictures.map((row) => row.rid).filter(Boolean),
    codec: report.get(picture?.codecId)?.mimeType?.replace('video/', ''),
    raw: rows,
  };
}

const tiles = new Tiles($('tiles'), 'Nothing yet: publish or watch.');
const previous = {}; // by role

export const lastFigures = (role) => previous[role];

export function forgetFigures(role) {
  delete previous[role];
  tiles.clear(); // those of the other role come back within a second
}

export async function showFigures(session) {
  const now = await readFigures(session);
  const then = previous[session.role];
  if (!session.active) return;
  previous[session.role] = now;
  if (!then || then.connections !== now.connections) return;
  const seconds = (now.time - then.time) / 1000;
  const packets = now.packets - then.packets;
  const lost = Math.max(0, now.lost - then.lost);
  // A sender's feedback counts losses of packets that it sent; a receiver's losses come on top of what it received.
  const tried = session.role === 'publish' ? packets : packets + lost;
  const loss = tried > 0 ? (100 * lost) / tried : 0;
  const verb = session.role === 'publish' ? 'Sent' : 'Received';
  const rate = (8 * (now.bytes - then.bytes)) / seconds;
  tiles.show(`${verb}: bitrate`, bits(rate), rate);
  tiles.show(`${verb}: packets`, perSecond(packets / seconds), packets / seconds);
  tiles.show(`${verb}: loss`, `${loss.toFixed(1)} %`, loss);
  tiles.show(`${verb}: round trip`, now.rttMs === undefined ? '–' : now.rttMs < 1 ? 'under 1 ms' : `${now.rttMs.toFixed(0)} ms`, now.rttMs ?? NaN);
  tiles.show(`${verb}: picture`, now.height ? `${now.width}×${now.height}` : 'none yet', now.fps ?? NaN);
  const details = [now.codec, now.fps && `${Math.round(now.fps)} fps`, now.layers.length && `layers ${now.layers.join(', ')}`];
  $(session.role === 'publish' ? 'local-caption' : 'remote-caption').textContent = details.filter(Boolean).join(' · ');
}
