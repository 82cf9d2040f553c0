// One WHIP (RFC 9725) or WHEP session that keeps itself up. publish.js and watch.js say what is in it.
//
// Whenever it breaks it deletes what is left and posts a new offer, with growing pauses, until stop() or a FinalError:
//   connecting -> connected -> waiting (for the next try) -> connecting ... ; stopped or failed at the end.

export const params = new URLSearchParams(location.search);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** ?token=… goes along with every request. */
export function authorization() {
  const token = params.get('token');
  return token ? { Authorization: `Bearer ${token}` } : {};
}

const disconnectedGraceMs = 3000; // ICE often comes back by itself
const connectTimeoutMs = 10000; // from the answer to "connected"
const requestTimeoutMs = 10000;
const backoffMs = { first: 500, most: 10000 };

/** A refusal that trying again does not change: a bad token, an offer without a common codec, a denied camera. */
export class FinalError extends Error {}

export class Session {
  /** role: "publish" or "watch". prepare(peer) adds the tracks before the offer. onState(session) is called at each change. */
  constructor(role, room, { prepare, onState }) {
    Object.assign(this, { role, room, prepare, onState });
    this.endpoint = `/${role === 'publish' ? 'whip' : 'whep'}/${encodeURIComponent(room)}`;
    this.state = 'idle';
    this.message = ''; // why it is not connected, for people
    this.peer = null;
    this.resource = null; // URL of the session on the server
    this.etag = null;
    this.connections = 0; // how often it was connected
  }

  get active() {
    return !['stopped', 'failed'].includes(this.state);
  }

  /** Resolves when connected for the first time, rejects if that will never happen. */
  start() {
    return new Promise((resolve, reject) => {
      this.run(resolve).then(() => reject(new Error('stopped')), reject);
    });
  }

  async run(onFirstConnection) {
    let failures = 0;
    let reason = '';
    while (this.state !== 'stopped') {
      try {
        this.setState('connecting', reason && `${reason}. Trying again…`);
        const connection = await this.connect();
        if (this.state === 'stopped') break;
        failures = 0;
        reason = '';
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
        reason = error.message;
        this.setState('waiting', `${reason}. Next try in ${Math.ceil(wait / 1000)} s.`);
        await Promise.race([sleep(wait), new Promise((resolve) => (this.wake = resolve))]);
      }
    }
  }

  /** Resolves when connected, with { broken }: a promise of the reason why it broke later. */
  async connect() {
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.peer = peer;
    this.prepare(peer);
    const watched = this.watchConnection(peer);
    await peer.setLocalDescription();
    // The server is ICE-lite and learns our addresses from our checks: there is no need to wait for candidates.
    const response = await this.request('POST', this.endpoint, {
      headers: { 'Content-Type': 'application/sdp' },
      body: peer.localDescription.sdp,
    });
    if (response.status !== 201) throw await refusalOf(response);
    const place = response.headers.get('Location');
    if (place) this.resource = new URL(place, response.url).href;
    this.etag = response.headers.get('ETag');
    const sdp = await response.text();
    if (this.state === 'stopped') {
      await this.discard();
      return null;
    }
    await peer.setRemoteDescription({ type: 'answer', sdp });
    refuseUselessAnswer(peer);

    const timeout = sleep(connectTimeoutMs).then(() => Promise.reject(new Error('No connection: UDP may be blocked on the way')));
    await Promise.race([watched.connected, watched.broken.then((reason) => Promise.reject(new Error(reason))), timeout]);
    return watched;
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

  /**
   * Asks the server whether it still knows this session, and begins again if not. ICE would notice too, but many seconds later.
   * The question is a trickle fragment (RFC 8840) that changes nothing. Resolves with whether there was an answer.
   */
  async verify() {
    const { peer, resource } = this;
    if (this.state !== 'connected' || !resource) return true;
    const line = (name) => peer.localDescription.sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))?.[0];
    const section = peer.localDescription.sdp.match(/^m=.*$/m)?.[0];
    const body = [line('ice-ufrag'), line('ice-pwd'), section, line('mid'), 'a=end-of-candidates', ''].join('\r\n');
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag', ...(this.etag ? { 'If-Match': this.etag } : {}) };
    const response = await this.request('PATCH', resource, { headers, body }).catch(() => null);
    if (response?.status === 404 && this.peer === peer) this.breakOff('The server was restarted');
    return !!response && response.status < 500;
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

function refuseUselessAnswer(peer) {
  const useful = (transceiver) => transceiver.currentDirection && !['inactive', 'stopped'].includes(transceiver.currentDirection);
  if (!peer.getTransceivers().some(useful)) throw new FinalError('No common codec: the server accepted none of what this browser offers');
}

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
