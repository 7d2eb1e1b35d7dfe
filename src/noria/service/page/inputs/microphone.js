// The microphone: samples as they are heard, at the rate that the model hears.

// Start to listen; `heard` gets how loud it is, 0 to 1. Return { rate, stop() }, which returns the samples.
export async function listen(wantedRate, heard) {
  const plain = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
  const [context, source] = connected(stream, wantedRate);
  await context.audioWorklet.addModule("/page/inputs/recorder.js");
  const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  const blocks = [];
  recorder.port.onmessage = ({ data }) => {
    blocks.push(data);
    heard(Math.max(...data.map(Math.abs)));
  };
  source.connect(recorder);
  return {
    rate: context.sampleRate,
    stop() {
      source.disconnect();
      for (const track of stream.getTracks()) track.stop();
      context.close();
      return joined(blocks);
    },
  };
}

function connected(stream, rate) {
  try {
    const context = new AudioContext({ sampleRate: rate });
    return [context, context.createMediaStreamSource(stream)];
  } catch {
    const context = new AudioContext(); // a browser that does not resample: the service does
    return [context, context.createMediaStreamSource(stream)];
  }
}

function joined(blocks) {
  const samples = new Float32Array(blocks.reduce((sum, one) => sum + one.length, 0));
  let place = 0;
  for (const block of blocks) {
    samples.set(block, place);
    place += block.length;
  }
  return samples;
}
