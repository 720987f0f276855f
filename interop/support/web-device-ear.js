// Runs in the page before its own scripts: keeps every peer connection, and looks at the spectrum of what it receives.
window.connections = [];
/** How often each frequency, in steps of 50 Hz, was the loudest since the last call began. */
window.heard = {};

/** MIME type of the codec that is being received. */
window.receivedCodec = async () => {
  const stats = [...((await window.connections.at(-1)?.getStats())?.values() ?? [])];
  const inbound = stats.find((entry) => entry.type === 'inbound-rtp');
  return stats.find((entry) => entry.id === inbound?.codecId)?.mimeType ?? '';
};

function listen(track) {
  window.heard = {};
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  const timer = setInterval(() => {
    if (track.readyState === 'ended') {
      clearInterval(timer);
      void context.close();
      return;
    }
    analyser.getFloatFrequencyData(spectrum);
    const peak = spectrum.indexOf(Math.max(...spectrum));
    if (!(spectrum[peak] > -60)) return;
    const hz = 50 * Math.round((peak * context.sampleRate) / analyser.fftSize / 50);
    window.heard[hz] = (window.heard[hz] ?? 0) + 1;
  }, 50);
}

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration) {
    super(configuration);
    window.connections.push(this);
    this.addEventListener('track', ({ track }) => listen(track));
  }
};
