// A sound as a WAV file: 16 bits, one channel. No codec, so that the model hears what the microphone heard.

const HEAD_BYTES = 44;

// Return the file of samples within -1 and 1.
export function wav(samples, rate) {
  const file = new DataView(new ArrayBuffer(HEAD_BYTES + 2 * samples.length));
  const text = (at, word) => [...word].forEach((letter, index) => file.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  file.setUint32(4, file.byteLength - 8, true);
  text(8, "WAVEfmt ");
  file.setUint32(16, 16, true); // bytes of this part
  file.setUint16(20, 1, true); // plain samples
  file.setUint16(22, 1, true); // channels
  file.setUint32(24, rate, true);
  file.setUint32(28, 2 * rate, true); // bytes a second
  file.setUint16(32, 2, true); // bytes a sample of all channels
  file.setUint16(34, 16, true); // bits a sample
  text(36, "data");
  file.setUint32(40, 2 * samples.length, true);
  samples.forEach((one, index) => {
    file.setInt16(HEAD_BYTES + 2 * index, Math.round(32767 * Math.min(1, Math.max(-1, one))), true);
  });
  return new Blob([file.buffer], { type: "audio/wav" });
}
