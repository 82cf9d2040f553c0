// The page of a Sluice server: publish a camera or screen with WHIP, watch a room with WHEP, and show what flows.
// No framework and no build step. From the top: parameters, one session, the media sources, the figures, the room,
// and the buttons that tie them together.
'use strict';

const params = new URLSearchParams(location.search);
const token = params.get('token');
const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

// ---------------------------------------------------------------- one session

const disconnectedGraceMs = 3000; // ICE often comes back by itself
const connectTimeoutMs = 10000; // from the answer to "connected"
const requestTimeoutMs = 10000;
const backoffMs = { first: 500, most: 10000 };

/** A refusal that trying again does not change: a bad token, an offer without a common codec, a denied camera. */
class FinalError extends Error {}

/** Turns an answer other than 201 into an error that a person can read. */
async function refusalOf(response) {
  let text = '';
  try {
    const problem = await response.json(); // RFC 9457
    text = [problem.title, problem.detail].filter(Boolean).join(': ');
  } catch {
    text = response.statusText;
  }
  const message = `The server answered ${response.status}${text ? ` – ${text}` : ''}`;
  const final = [400, 401, 403, 405, 406, 413, 415, 422].includes(response.status);
  const error = final ? new FinalError(message) : new Error(message);
  error.retryAfterMs = 1000 * (Number(response.headers.get('Retry-After')) || 0);
  return error;
}

/**
 * A WHIP ("publish") or WHEP ("watch") session that keeps itself up: whenever it breaks, it deletes what is left
 * and posts a new offer, with growing pauses, until stop() or a FinalError.
 *
 * state: connecting -> connected -> waiting (for the next try) -> connecting ... ; stopped or failed at the end.
 */
class Session {
  constructor(role, room, { stream = null, onState, onStream }) {
    Object.assign(this, { role, room, stream, onState, onStream });
    this.state = 'idle';
    this.peer = null;
    this.resource = null; // URL of the session on the server
    this.connections = 0;
  }

  /** Resolves when connected for the first time, rejects if that will never happen. */
  start() {
    return new Promise((resolve, reject) => {
      this.run(resolve).then(() => reject(new Error('stopped')), reject);
    });
  }

  async run(onFirstConnection) {
    let failures = 0;
    while (this.state !== 'stopped') {
      try {
        this.setState('connecting');
        const connection = await this.connect();
        if (this.state === 'stopped') break;
        failures = 0;
        this.connections += 1;
        this.setState('connected');
        onFirstConnection();
        throw new Error(await connection.broken);
      } catch (error) {
        if (this.state === 'stopped') break;
        await this.discard();
        if (error instanceof FinalError) {
          this.setState('failed', error.message);
          throw error;
        }
        const pause = Math.min(backoffMs.most, backoffMs.first * 2 ** failures) * (0.75 + Math.random() / 2);
        failures += 1;
        const wait = Math.max(pause, error.retryAfterMs || 0);
        this.setState('waiting', `${error.message}. Next try in ${Math.ceil(wait / 1000)} s.`);
        await Promise.race([sleep(wait), new Promise((resolve) => (this.wake = resolve))]);
      }
    }
  }

  /** Resolves when connected, with { broken }: a promise of the reason why it broke later. */
  async connect() {
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.peer = peer;
    if (this.role === 'publish') this.addOwnTracks(peer);
    else this.expectTracks(peer);

    const watched = this.watchConnection(peer);
    await peer.setLocalDescription();
    // The server is ICE-lite and learns our addresses from our checks: there is no need to wait for candidates.
    const response = await this.request('POST', `/${this.role === 'publish' ? 'whip' : 'whep'}/${encodeURIComponent(this.room)}`, {
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription.sdp,
    });
    if (response.status !== 201) throw await refusalOf(response);
    const place = response.headers.get('Location');
    if (place) this.resource = new URL(place, response.url).href;
    const sdp = await response.text();
    if (this.state === 'stopped') {
      await this.discard();
      return null;
    }
    await peer.setRemoteDescription({ type: 'answer', sdp });
    this.refuseUselessAnswer(peer);

    const timeout = sleep(connectTimeoutMs).then(() => Promise.reject(new Error('No connection: UDP may be blocked on the way')));
    await Promise.race([watched.connected, watched.broken.then((reason) => Promise.reject(new Error(reason))), timeout]);
    return watched;
  }

  addOwnTracks(peer) {
    for (const track of this.stream.getTracks()) {
      const transceiver = peer.addTransceiver(track, {
        direction: 'sendonly',
        streams: [this.stream],
        sendEncodings: track.kind === 'video' ? videoEncodings() : undefined,
      });
      if (track.kind === 'video') preferCodec(transceiver);
    }
  }

  expectTracks(peer) {
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    const stream = new MediaStream(); // a new one for each try, so that the last picture stays until the new one comes
    peer.ontrack = ({ track }) => {
      stream.addTrack(track);
      this.onStream?.(stream);
    };
  }

  refuseUselessAnswer(peer) {
    const accepted = peer.getTransceivers().some((t) => t.currentDirection && t.currentDirection !== 'inactive' && t.currentDirection !== 'stopped');
    if (!accepted) throw new FinalError('No common codec: the server accepted none of what this browser offers');
  }

  /** { connected, broken }: broken resolves with a reason; it never rejects. */
  watchConnection(peer) {
    let grace;
    const watched = {};
    watched.connected = new Promise((resolve) => {
      watched.broken = new Promise((broke) => {
        const check = () => {
          clearTimeout(grace);
          if (peer.connectionState === 'connected') resolve();
          if (peer.connectionState === 'failed' || peer.iceConnectionState === 'failed') broke('The connection failed');
          else if (peer.connectionState === 'closed') broke('The connection was closed');
          else if (peer.connectionState === 'disconnected' || peer.iceConnectionState === 'disconnected')
            grace = setTimeout(() => broke('The connection was lost'), disconnectedGraceMs);
        };
        peer.onconnectionstatechange = check;
        peer.oniceconnectionstatechange = check;
        this.breakOff = broke;
      });
    });
    return watched;
  }

  async request(method, url, { headers = {}, ...rest } = {}) {
    const signal = AbortSignal.timeout(requestTimeoutMs);
    try {
      return await fetch(url, { method, headers: { ...authorization(), ...headers }, signal, ...rest });
    } catch (error) {
      throw new Error(error.name === 'TimeoutError' ? 'The server does not answer' : 'The server cannot be reached');
    }
  }

  /** Closes the peer connection and deletes the session on the server, if it can be told. */
  async discard() {
    const { peer, resource } = this;
    this.peer = null;
    this.resource = null;
    if (peer) {
      peer.onconnectionstatechange = peer.oniceconnectionstatechange = peer.ontrack = null;
      peer.close();
    }
    // keepalive lets the request outlive the page.
    if (resource) await Promise.race([this.request('DELETE', resource, { keepalive: true }).catch(() => {}), sleep(2000)]);
  }

  async stop() {
    if (this.state === 'stopped') return;
    this.setState('stopped');
    this.wake?.();
    this.breakOff?.('stopped');
    await this.discard();
  }

  setState(state, message = '') {
    this.state = state;
    this.message = message;
    this.onState?.(this);
  }
}

// ---------------------------------------------------------------- media sources

/** ?simulcast=1 sends three layers, as conference clients do. */
function videoEncodings() {
  if (!params.get('simulcast')) return undefined;
  return [
    { rid: 'q', scaleResolutionDownBy: 4 },
    { rid: 'h', scaleResolutionDownBy: 2 },
    { rid: 'f' },
  ];
}

/** ?codec=VP8 (VP9, H264, AV1) puts that codec first. */
function preferCodec(transceiver) {
  const wanted = params.get('codec')?.toLowerCase();
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs;
  if (!wanted || !codecs || !transceiver.setCodecPreferences) return;
  const isWanted = (codec) => codec.mimeType.toLowerCase() === `video/${wanted}`;
  transceiver.setCodecPreferences([...codecs.filter(isWanted), ...codecs.filter((codec) => !isWanted(codec))]);
}

const mediaErrors = {
  NotAllowedError: 'the browser or you denied it. Allow it in the address bar and try again',
  NotFoundError: 'none was found on this device',
  NotReadableError: 'it is in use by another program',
  OverconstrainedError: 'it cannot deliver the size asked for',
};

async function openSource(kind) {
  const media = navigator.mediaDevices;
  const name = kind === 'screen' ? 'screen' : 'camera';
  if (!media) throw new FinalError(`No ${name}: browsers share it only with pages from https:// or localhost`);
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
    throw new FinalError(`No ${name}: ${mediaErrors[error.name] || error.message}`);
  }
}

// ---------------------------------------------------------------- figures

const bits = (value) => scaled(value, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);
const perSecond = (value) => scaled(value, ['/s', 'k/s', 'M/s']);

function scaled(value, units) {
  if (!Number.isFinite(value)) return '–';
  let unit = 0;
  while (value >= 1000 && unit + 1 < units.length) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** The last minute of a figure as a line; a gap where it is unknown. */
class Sparkline {
  constructor(canvas) {
    this.canvas = canvas;
    this.values = [];
  }

  push(value) {
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > 60) this.values.shift();
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const width = (canvas.width = Math.round(canvas.clientWidth * devicePixelRatio));
    const height = (canvas.height = Math.round(canvas.clientHeight * devicePixelRatio));
    const pen = canvas.getContext('2d');
    const top = Math.max(1e-9, ...this.values) * 1.1;
    pen.strokeStyle = getComputedStyle(canvas).getPropertyValue('--accent');
    pen.lineWidth = 1.5 * devicePixelRatio;
    pen.lineJoin = 'round';
    pen.beginPath();
    let drawing = false;
    this.values.forEach((value, index) => {
      const x = ((60 - this.values.length + index) / 59) * width;
      const y = height - pen.lineWidth - ((value ?? 0) / top) * (height - 2 * pen.lineWidth);
      if (value !== null) pen[drawing ? 'lineTo' : 'moveTo'](x, y);
      drawing = value !== null;
    });
    pen.stroke();
  }
}

/** Redraws what does not change any more: the scheme, or the width, did. */
const redraw = () => [egressSpark, perViewerSpark, ...[...tiles.values()].map((tile) => tile.spark)].forEach((spark) => spark?.draw());

const tiles = new Map();

/** Shows a figure in #tiles; the tile appears with its first value. `drawn` is the number behind the text. */
function showTile(name, text, drawn) {
  let tile = tiles.get(name);
  if (!tile) {
    const box = make('div', 'tile', [make('span', 'tile-name', name), make('span', 'tile-value')]);
    tile = { box, value: box.lastChild };
    if (drawn !== undefined) {
      box.append(make('canvas', 'spark'));
      box.lastChild.setAttribute('aria-hidden', 'true');
      tile.spark = new Sparkline(box.lastChild);
    }
    if (tiles.size === 0) $('tiles').replaceChildren();
    tiles.set(name, tile);
    $('tiles').append(box);
  }
  tile.value.textContent = text;
  tile.spark?.push(drawn);
}

function forgetTiles() {
  tiles.clear();
  $('tiles').replaceChildren(make('p', 'dim', 'Nothing yet: publish or watch.'));
}

function make(tag, className, content = []) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...[content].flat());
  return element;
}

/** What getStats() says of a session, as totals; rates come from two of these. */
async function readFigures(session) {
  const report = session.peer ? await session.peer.getStats() : new Map();
  const rows = [...report.values()];
  const sending = session.role === 'publish';
  const streams = rows.filter((row) => row.type === (sending ? 'outbound-rtp' : 'inbound-rtp'));
  const feedback = rows.filter((row) => row.type === 'remote-inbound-rtp');
  const transport = rows.find((row) => row.type === 'transport');
  const pair = report.get(transport?.selectedCandidatePairId) ?? rows.find((row) => row.type === 'candidate-pair' && (row.selected || row.nominated));
  const sum = (list, name) => list.reduce((total, row) => total + (row[name] || 0), 0);
  // Of several layers the largest that is alive is the one to show.
  const picture = streams
    .filter((row) => row.kind === 'video' && row.frameHeight && row.active !== false)
    .sort((a, b) => b.frameHeight - a.frameHeight)[0];
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
    layer: picture?.rid,
    codec: report.get(picture?.codecId)?.mimeType?.replace('video/', ''),
    raw: rows,
  };
}

const previous = {};

async function showFigures(session) {
  const now = await readFigures(session);
  const then = previous[session.role];
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
  showTile(verb, bits(rate), rate);
  showTile(`${verb} packets`, perSecond(packets / seconds), packets / seconds);
  showTile(`${verb}: loss`, `${loss.toFixed(1)} %`, loss);
  showTile(`${verb}: round trip`, now.rttMs === undefined ? '–' : now.rttMs < 1 ? 'under 1 ms' : `${now.rttMs.toFixed(0)} ms`, now.rttMs ?? NaN);
  const picture = now.height ? `${now.width}×${now.height}${now.fps ? ` at ${Math.round(now.fps)} fps` : ''}` : 'no picture yet';
  showTile(`${verb}: picture`, picture);
  const details = [now.codec, now.layer && `layer ${now.layer}`].filter(Boolean).join(', ');
  $(session.role === 'publish' ? 'local-caption' : 'remote-caption').textContent = details;
}

// ---------------------------------------------------------------- the room, as the server sees it

const egressSpark = new Sparkline($('egress-spark'));
const perViewerSpark = new Sparkline($('per-viewer-spark'));

async function pollRoom() {
  try {
    const response = await fetch(`/api/rooms/${encodeURIComponent(roomName())}`, {
      headers: authorization(),
      signal: AbortSignal.timeout(5000),
    });
    if (response.ok) showRoom(await response.json(), '');
    else if (response.status === 404) showRoom({ viewers: 0 }, '');
    else $('room-note').textContent = `– the server answered ${response.status}`;
  } catch {
    $('room-note').textContent = '– the control plane does not answer; media that flows keeps flowing';
  }
}

function showRoom(room, note) {
  const workers = room.workers ?? [];
  const packets = workers.reduce((total, worker) => total + (worker.packets_out_per_s || 0), 0);
  const perViewer = room.viewers > 0 ? packets / room.viewers : NaN;
  $('room-note').textContent = note;
  $('viewers').textContent = room.viewers ?? '–';
  $('egress').textContent = bits(room.egress_bps ?? NaN);
  $('per-viewer').textContent = perSecond(perViewer);
  egressSpark.push(room.egress_bps ?? NaN);
  perViewerSpark.push(perViewer);
  showTracks(room.publishers ?? []);
  showWorkers(workers);
  showEvents(room.events ?? []);
}

function showTracks(publishers) {
  const rows = publishers.flatMap((publisher) =>
    (publisher.tracks ?? []).map((track) => {
      const lost = `${track.lost ?? 0} of ${(track.packets ?? 0) + (track.lost ?? 0)}`;
      const cells = [track.kind ?? '–', track.codec ?? '–', bits(track.bitrate_bps ?? NaN), lost, track.keyframes ?? '–'];
      return make('tr', '', cells.map((cell) => make('td', '', String(cell))));
    }));
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
    const meter = make('meter', '');
    Object.assign(meter, { min: 0, max: 1, high: 0.8, optimum: 0, value: busy });
    meter.setAttribute('aria-label', `busy ${Math.round(100 * busy)} percent`);
    const rates = [perSecond(worker.packets_out_per_s ?? NaN), bits(worker.bits_out_per_s ?? NaN)].join(', ');
    return make('div', 'worker', [make('span', '', `#${worker.id} ${Math.round(100 * busy)} %`), meter, make('span', '', rates)]);
  }));
}

function showEvents(events) {
  if (events.length === 0) return $('events').replaceChildren(make('li', 'dim', 'None yet.'));
  const when = (time) => {
    const date = new Date(typeof time === 'number' && time < 1e12 ? time * 1000 : time); // seconds, ms or ISO 8601
    return Number.isNaN(date.valueOf()) ? String(time ?? '') : date.toLocaleTimeString();
  };
  const latestFirst = events.slice(-50).reverse();
  $('events').replaceChildren(...latestFirst.map((event) => make('li', '', [make('time', '', when(event.time)), event.text ?? ''])));
  // A viewer whose browser cannot decode what is published must not just see black.
  const noCodec = latestFirst.find((event) => /no common codec/i.test(event.text ?? ''));
  if (noCodec && sessions.watch?.state === 'connected' && !previous.watch?.framesDecoded) showError(noCodec.text);
}

// ---------------------------------------------------------------- buttons, status, start

const sessions = { publish: null, watch: null };
let lastError = '';

const roomName = () => $('room').value.trim() || 'demo';
const isActive = (session) => session && !['stopped', 'failed'].includes(session.state);

function showError(message) {
  lastError = message;
  $('error').textContent = message;
  $('error').hidden = !message;
}

/** The state that says most: trouble before progress before success. */
function overallState() {
  const states = [sessions.publish, sessions.watch].filter(Boolean).map((session) => session.state);
  return ['failed', 'waiting', 'connecting', 'connected'].find((state) => states.includes(state)) ?? 'idle';
}

function showState() {
  const words = { connecting: 'connecting…', connected: 'connected', waiting: 'interrupted', failed: 'failed', stopped: 'stopped' };
  const parts = Object.values(sessions).filter(Boolean).map((session) =>
    `${session.role === 'publish' ? 'Publishing' : 'Watching'} “${session.room}”: ${words[session.state] ?? session.state}`);
  const status = parts.join(' · ') || 'Choose what to do.';
  if ($('status').textContent !== status) $('status').textContent = status;
  $('status').dataset.state = overallState();
  showError(Object.values(sessions).map((session) => session?.message).filter(Boolean).join(' ') || '');
  const busy = isActive(sessions.publish) || isActive(sessions.watch);
  $('stop').disabled = !busy;
  $('room').disabled = !!busy;
  $('publish-camera').disabled = $('publish-screen').disabled = !!isActive(sessions.publish);
  $('watch').disabled = !!isActive(sessions.watch);
  $('publish-figure').hidden = !isActive(sessions.publish);
  $('watch-figure').hidden = !isActive(sessions.watch);
}

async function publish(kind = 'camera') {
  await stopOne('publish');
  showError('');
  let stream;
  try {
    stream = await openSource(kind);
  } catch (error) {
    showError(error.message);
    throw error;
  }
  const session = new Session('publish', roomName(), { stream, onState: showState });
  sessions.publish = session;
  $('local').srcObject = stream;
  // The browser's own "stop sharing" button, or a camera that was pulled out.
  for (const track of stream.getVideoTracks()) track.onended = () => sessions.publish === session && stopOne('publish');
  return session.start();
}

async function watch() {
  await stopOne('watch');
  showError('');
  const onStream = (stream) => {
    const video = $('remote');
    if (video.srcObject !== stream) video.srcObject = stream;
    $('unmute').hidden = !video.muted || stream.getAudioTracks().length === 0;
    video.play().catch(() => {}); // muted playback is allowed; if not, the picture waits for a click
  };
  sessions.watch = new Session('watch', roomName(), { onState: showState, onStream });
  return sessions.watch.start();
}

async function stopOne(role) {
  const session = sessions[role];
  if (!session) return;
  sessions[role] = null;
  delete previous[role];
  session.onState = null;
  session.stream?.getTracks().forEach((track) => track.stop());
  $(role === 'publish' ? 'local' : 'remote').srcObject = null;
  const stopped = session.stop();
  forgetTiles();
  showState();
  await stopped;
}

const stop = () => Promise.all([stopOne('publish'), stopOne('watch')]);

async function stats() {
  const figures = {};
  for (const [role, session] of Object.entries(sessions)) if (session) figures[role] = await readFigures(session);
  return figures;
}

// For tests, and for people with a console.
window.sluice = {
  publish, watch, stop, stats, sessions,
  get state() { return overallState(); },
  get error() { return lastError; },
};

const quietly = (action) => action().catch(() => {}); // what went wrong is on the page already
$('room').value = params.get('room') ?? 'demo';
$('room').addEventListener('change', () => {
  params.set('room', roomName());
  history.replaceState(null, '', `?${params}`);
});
$('controls').addEventListener('submit', (event) => {
  event.preventDefault();
  if (!isActive(sessions.watch)) quietly(watch);
});
$('publish-camera').addEventListener('click', () => quietly(() => publish('camera')));
$('publish-screen').addEventListener('click', () => quietly(() => publish('screen')));
$('watch').addEventListener('click', () => quietly(watch));
$('stop').addEventListener('click', () => quietly(stop));
$('unmute').addEventListener('click', () => {
  $('remote').muted = false;
  $('unmute').hidden = true;
});
addEventListener('resize', redraw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
addEventListener('pagehide', () => quietly(stop));

async function everySecond(task) {
  for (;;) {
    await task().catch(() => {});
    await sleep(1000);
  }
}
everySecond(pollRoom);
everySecond(async () => {
  for (const session of Object.values(sessions)) if (session?.state === 'connected') await showFigures(session);
});

if (params.get('autoplay') === 'watch') quietly(watch);
if (params.get('autoplay') === 'publish') quietly(() => publish('camera'));
