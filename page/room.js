// The room as the server sees it: viewers, published tracks, workers and events, asked for once a second.
import { $, Sparkline, bits, make, perSecond } from './drawing.js';
import { authorization } from './session.js';

const egressSpark = new Sparkline($('egress-spark'));
const perViewerSpark = new Sparkline($('per-viewer-spark'));

/** The room as JSON; null when the control plane did not answer. */
export async function pollRoom(name) {
  try {
    const response = await fetch(`/api/rooms/${encodeURIComponent(name)}`, { headers: authorization(), signal: AbortSignal.timeout(5000) });
    const known = response.ok || response.status === 404; // nobody is in it
    const room = response.ok ? await response.json() : { viewers: 0 };
    if (known) show(room);
    $('room-note').textContent = known ? '' : `– the server answered ${response.status}`;
    return room;
  } catch {
    $('room-note').textContent = '– the control plane does not answer; media that flows keeps flowing';
    return null;
  }
}

/** Why a viewer of this room may see nothing: the text of the event, or ''. */
export function codecComplaint(room) {
  const hasVideo = (room?.publishers ?? []).some((publisher) => publisher.tracks?.some((track) => track.kind === 'video'));
  const complaint = (room?.events ?? []).findLast((event) => /no common codec/i.test(event.text ?? ''));
  if (!hasVideo || !complaint) return '';
  return `${complaint.text[0].toUpperCase()}${complaint.text.slice(1)}. The publisher has to send another codec, or you need another browser.`;
}

function show(room) {
  // Each viewer is sent every published track once.
  const tracks = (room.publishers ?? []).flatMap((publisher) => publisher.tracks ?? []);
  const sum = (name) => (tracks.length > 0 ? tracks.reduce((total, track) => total + (track[name] || 0), 0) : NaN);
  const perViewer = sum('packets_per_s');
  const egress = room.viewers * sum('bitrate_bps');
  $('viewers').textContent = room.viewers ?? '–';
  $('egress').textContent = bits(egress);
  $('per-viewer').textContent = perSecond(perViewer);
  egressSpark.push(egress);
  perViewerSpark.push(perViewer);
  showTracks(tracks);
  showWorkers(room.workers ?? []);
  showEvents(room.events ?? []);
}

function showTracks(tracks) {
  const rows = tracks.map((track) => {
    const lost = `${track.lost ?? 0} of ${(track.packets ?? 0) + (track.lost ?? 0)}`;
    const size = track.height ? `${track.width}×${track.height}` : '';
    const codec = [track.codec, track.layer && `layer ${track.layer}`, size].filter(Boolean).join(', ');
    const cells = [track.kind ?? '–', codec || '–', bits(track.bitrate_bps ?? NaN), lost, track.kind === 'video' ? (track.keyframes ?? '–') : '–'];
    return make('tr', '', cells.map((cell) => make('td', '', String(cell))));
  });
  if (rows.length === 0) {
    const cell = make('td', 'dim', 'Nobody publishes yet.');
    cell.colSpan = 5;
    rows.push(make('tr', '', cell));
  }
  $('tracks').replaceChildren(...rows);
}

function showWorkers(workers) {
  if (workers.length === 0) return $('workers').replaceChildren(make('p', 'dim', 'No figures yet.'));
  $('workers').replaceChildren(...workers.map((worker) => {
    const busy = Math.min(1, Math.max(0, worker.busy ?? 0)); // 0..1
    const percent = Math.round(100 * busy);
    const meter = make('meter', '');
    Object.assign(meter, { min: 0, max: 1, high: 0.8, optimum: 0, value: busy });
    meter.setAttribute('aria-label', `worker ${worker.id} is ${percent} percent busy`);
    const rates = `${perSecond(worker.packets_out_per_s ?? NaN, 'packets')}, ${bits(worker.bits_out_per_s ?? NaN)}`;
    return make('div', 'worker', [make('span', '', `#${worker.id}: ${percent} %`), meter, make('span', '', rates)]);
  }));
}

let shownEvents = '';

function showEvents(events) {
  const text = JSON.stringify(events);
  if (text === shownEvents) return; // replacing them would undo scrolling and selecting
  shownEvents = text;
  if (events.length === 0) return $('events').replaceChildren(make('li', 'dim', 'None yet.'));
  const row = (event) => make('li', '', [make('time', '', new Date(event.time).toLocaleTimeString()), event.text ?? '']);
  $('events').replaceChildren(...events.slice(-50).reverse().map(row));
}
