// The page of a Sluice server: publish a camera or screen with WHIP, watch a room with WHEP, and show what flows.
// No framework and no build step. Here: buttons, status and start; session.js is the client, publish.js and watch.js say what is in it.
import { $, redraw } from './drawing.js';
import { forgetFigures, lastFigures, readFigures, showFigures } from './figures.js';
import { openSource, publishSession } from './publish.js';
import { codecComplaint, pollRoom } from './room.js';
import { params, sleep } from './session.js';
import { watchSession } from './watch.js';

const sessions = { publish: null, watch: null };
let failure = ''; // of what was tried last, until the next try
let complaint = ''; // of the room, as long as it holds

const roomName = () => $('room').value.trim() || 'demo';
const all = () => Object.values(sessions).filter(Boolean);

// ---------------------------------------------------------------- status

const currentError = () => failure || all().map((session) => session.message).filter(Boolean).join(' ') || complaint;

/** The state that says most: trouble before progress before success. */
function overallState() {
  const states = all().map((session) => session.state);
  return ['failed', 'waiting', 'connecting', 'connected'].find((state) => states.includes(state)) ?? 'idle';
}

function showState() {
  const words = { connecting: 'connecting…', connected: 'connected', waiting: 'interrupted', failed: 'failed', stopped: 'stopped' };
  const parts = all().map((session) => `${session.role === 'publish' ? 'Publishing' : 'Watching'} “${session.room}”: ${words[session.state] ?? session.state}`);
  const status = parts.join(' · ') || 'Watch the room, or publish into it.';
  // Screen readers speak what changes, so nothing is written twice.
  if ($('status').textContent !== status) $('status').textContent = status;
  $('status').dataset.state = overallState();
  const error = currentError();
  if ($('error').textContent !== error) $('error').textContent = error;
  $('error').hidden = !error;

  const publishing = !!sessions.publish?.active;
  const watching = !!sessions.watch?.active;
  $('room').disabled = publishing || watching;
  $('publish-camera').disabled = $('publish-screen').disabled = publishing;
  $('watch').disabled = watching;
  $('stop').disabled = !publishing && !watching;
  $('publish-figure').hidden = !publishing;
  $('watch-figure').hidden = !watching;
  $('stage').hidden = !publishing && !watching;
  const elsewhere = new URLSearchParams(params);
  elsewhere.set('room', roomName());
  elsewhere.set('autoplay', 'watch');
  $('another').href = `?${elsewhere}`;
}

// ---------------------------------------------------------------- what the buttons do

async function publish(kind = 'camera') {
  await stopOne('publish');
  let stream;
  try {
    stream = await openSource(kind);
  } catch (error) {
    failure = error.message;
    showState();
    throw error;
  }
  const session = publishSession(roomName(), stream, showState);
  session.stream = stream;
  sessions.publish = session;
  $('local').srcObject = stream;
  // The browser's own "stop sharing" button, or a camera that was pulled out.
  for (const track of stream.getVideoTracks()) track.onended = () => sessions.publish === session && stopOne('publish');
  return session.start();
}

async function watch() {
  await stopOne('watch');
  const onStream = (stream) => {
    const video = $('remote');
    if (video.srcObject !== stream) video.srcObject = stream;
    $('unmute').hidden = !video.muted || stream.getAudioTracks().length === 0;
    video.play().catch(() => {}); // muted playback is allowed; if not, the picture waits for a click
  };
  sessions.watch = watchSession(roomName(), onStream, showState);
  return sessions.watch.start();
}

async function stopOne(role) {
  failure = complaint = '';
  const session = sessions[role];
  sessions[role] = null;
  if (session) {
    session.onState = null;
    session.stream?.getTracks().forEach((track) => track.stop());
    $(role === 'publish' ? 'local' : 'remote').srcObject = null;
    forgetFigures(role);
  }
  showState();
  await session?.stop();
}

const stop = () => Promise.all([stopOne('publish'), stopOne('watch')]);

async function stats() {
  const figures = {};
  for (const session of all()) figures[session.role] = await readFigures(session);
  return figures;
}

// For tests, and for people with a console.
window.sluice = {
  publish, watch, stop, stats, sessions,
  get state() { return overallState(); },
  get error() { return currentError(); },
};

// ---------------------------------------------------------------- start

const quietly = (action) => action().catch(() => {}); // what went wrong is on the page already
$('room').value = params.get('room') ?? 'demo';
$('room').addEventListener('change', () => {
  params.set('room', roomName());
  history.replaceState(null, '', `?${params}`);
  showState();
});
$('controls').addEventListener('submit', (event) => {
  event.preventDefault(); // Enter in the field
  if (!sessions.watch?.active) quietly(watch);
});
$('publish-camera').addEventListener('click', () => quietly(() => publish('camera')));
$('publish-screen').addEventListener('click', () => quietly(() => publish('screen')));
$('watch').addEventListener('click', () => quietly(watch));
$('stop').addEventListener('click', () => quietly(stop));
$('unmute').addEventListener('click', () => {
  $('remote').muted = false;
  $('unmute').hidden = true;
});
// Phones have no screen to share.
$('publish-screen').hidden = !!navigator.mediaDevices && !navigator.mediaDevices.getDisplayMedia;
addEventListener('resize', redraw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
addEventListener('pagehide', () => quietly(stop));
showState();

async function everySecond(task) {
  for (;;) {
    await task().catch(() => {});
    await sleep(1000);
  }
}
let boot; // of the data plane that is known to have our sessions
everySecond(async () => {
  const room = await pollRoom(roomName());
  // When one plane dies, the other one gives it the sessions back; when both do, they are gone.
  if (room && room.boot !== boot) {
    const verified = await Promise.all(all().map((session) => session.verify()));
    if (verified.every(Boolean)) boot = room.boot;
  }
  complaint = sessions.watch?.state === 'connected' && lastFigures('watch')?.framesDecoded === 0 ? codecComplaint(room) : '';
  showState();
});
everySecond(async () => {
  for (const session of all()) if (session.state === 'connected') await showFigures(session);
});

if (params.get('autoplay') === 'watch') quietly(watch);
if (params.get('autoplay') === 'publish') quietly(() => publish('camera'));
