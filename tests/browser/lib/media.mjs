// What a browser says of the media that it receives, as totals and as the difference of two moments.

/** In a page: the totals of an RTCPeerConnection's inbound streams; of the page's own viewer, or of window[`name`]. */
export async function received(page, name) {
  return page.evaluate(async (global) => {
    let peer, report;
    do {
      peer = global ? window[global] : sluice.sessions.watch?.peer;
      // Firefox never answers for a connection that the page closes meanwhile: the one after it is asked.
      report = peer ? await Promise.race([peer.getStats(), new Promise((done) => setTimeout(done, 1000))]) : new Map();
    } while (!report);
    const rows = [...report.values()];
    const totals = { time: performance.now() / 1000 };
    for (const kind of ['video', 'audio']) {
      const streams = rows.filter((row) => row.type === 'inbound-rtp' && row.kind === kind);
      const sum = (name) => streams.reduce((total, row) => total + (row[name] ?? 0), 0);
      totals[kind] = { streams: streams.length };
      for (const name of ['packetsReceived', 'packetsLost', 'packetsDiscarded', 'bytesReceived', 'framesReceived', 'framesDecoded', 'framesDropped',
        'keyFramesDecoded', 'freezeCount', 'totalFreezesDuration', 'nackCount', 'pliCount', 'totalAudioEnergy', 'concealedSamples', 'totalSamplesReceived',
        'retransmittedPacketsReceived', 'jitterBufferDelay', 'jitterBufferMinimumDelay', 'jitterBufferEmittedCount']) totals[kind][name] = sum(name);
      totals[kind].codec = rows.find((row) => row.id === streams[0]?.codecId)?.mimeType;
      totals[kind].height = streams[0]?.frameHeight;
    }
    const transport = rows.find((row) => row.type === 'transport');
    totals.transport = { tls: transport?.tlsVersion, srtp: transport?.srtpCipher, ice: peer?.iceConnectionState };
    totals.roundTrip = rows.find((row) => row.type === 'candidate-pair' && row.nominated)?.currentRoundTripTime;
    return totals;
  }, name);
}

/** later - earlier, for every number. */
export function difference(later, earlier) {
  if (typeof later === 'number') return later - (earlier ?? 0);
  if (later === null || typeof later !== 'object') return later;
  return Object.fromEntries(Object.entries(later).map(([name, value]) => [name, difference(value, earlier?.[name])]));
}

/** One line for people. */
export function describe(d) {
  const v = d.video;
  const pause = v.freezeCount ? `, ${v.totalFreezesDuration.toFixed(2)} s frozen` : '';
  // The minimum is what jitter alone asks for; the rest waits for the sound.
  const perFrame = (seconds) => Math.round((1000 * seconds) / v.jitterBufferEmittedCount);
  const delay = v.jitterBufferEmittedCount ? `, jitter buffer ${perFrame(v.jitterBufferDelay)} ms (minimum ${perFrame(v.jitterBufferMinimumDelay)} ms)` : '';
  return `${d.time.toFixed(1)} s, video ${v.packetsReceived} packets, lost ${v.packetsLost}, frames decoded/received ${v.framesDecoded}/${v.framesReceived}, ` +
    `freezes ${v.freezeCount}${pause}${delay}, NACKs ${v.nackCount}, PLIs ${v.pliCount}, retransmitted ${v.retransmittedPacketsReceived}; ` +
    `audio ${d.audio.packetsReceived} packets, lost ${d.audio.packetsLost}`;
}

/** What a video element shows, as { width, height, mean, deviation, pixels }: luma 0..255 of a 64x36 thumbnail. */
export async function picture(page, selector = '#remote') {
  return page.evaluate((css) => {
    const video = document.querySelector(css);
    const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
    const pen = canvas.getContext('2d', { willReadFrequently: true });
    pen.drawImage(video, 0, 0, 64, 36);
    const { data } = pen.getImageData(0, 0, 64, 36);
    const pixels = [];
    for (let i = 0; i < data.length; i += 4) pixels.push(Math.round(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]));
    const mean = pixels.reduce((a, b) => a + b) / pixels.length;
    const deviation = Math.sqrt(pixels.reduce((a, b) => a + (b - mean) ** 2, 0) / pixels.length);
    return { width: video.videoWidth, height: video.videoHeight, mean, deviation, pixels };
  }, selector);
}

/** What a screenshot (PNG) shows: the standard deviation of its luma. `blank` is an empty page, whose policy allows such images. */
export async function deviationOf(blank, png) {
  return blank.evaluate(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const pen = canvas.getContext('2d');
    pen.drawImage(image, 0, 0);
    const { data } = pen.getImageData(0, 0, image.width, image.height);
    let sum = 0, squares = 0;
    for (let i = 0; i < data.length; i += 4) {
      const luma = 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
      sum += luma;
      squares += luma * luma;
    }
    const count = data.length / 4;
    return Math.sqrt(squares / count - (sum / count) ** 2);
  }, `data:image/png;base64,${Buffer.from(png).toString('base64')}`);
}

/** A run from browser to browser, without a server: what the machine itself costs. Both pages need a secure origin. */
export async function connectDirectly(publisher, viewer, video) {
  const offer = await publisher.evaluate(async (constraints) => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: constraints, audio: true });
    const peer = (window.direct = new RTCPeerConnection());
    for (const track of stream.getTracks()) peer.addTrack(track, stream);
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20));
    return peer.localDescription.sdp;
  }, video);
  const answer = await viewer.evaluate(async (sdp) => {
    // Without this permission the viewer's address is a .local name that nobody resolves here.
    (await navigator.mediaDevices.getUserMedia({ audio: true })).getTracks().forEach((track) => track.stop());
    const peer = (window.direct = new RTCPeerConnection());
    const element = document.createElement('video');
    Object.assign(element, { id: 'direct', autoplay: true });
    element.srcObject = new MediaStream();
    document.body.append(element);
    peer.ontrack = ({ track }) => element.srcObject.addTrack(track);
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20));
    return peer.localDescription.sdp;
  }, offer);
  await publisher.evaluate((sdp) => window.direct.setRemoteDescription({ type: 'answer', sdp }), answer);
}

/** Presses the page's button ("watch" or "publish"), and resolves when connected. */
export const press = (page, action) =>
  page.evaluate(async (name) => {
    const limit = new Promise((_, reject) => setTimeout(() => reject(new Error(`${name}: not connected in 20 s: ${sluice.error}`)), 20_000));
    await Promise.race([name === 'watch' ? sluice.watch() : sluice.publish('camera'), limit]);
  }, action);
