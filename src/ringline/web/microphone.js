registerProcessor("ringline-microphone", class extends AudioWorkletProcessor {
  block = new Float32Array(Math.round(sampleRate / 100));
  filled = 0;
  process([[samples = []]]) {
    for (const sample of samples) {
      this.block[this.filled++] = sample;
      if (this.filled < this.block.length) continue;
      this.port.postMessage(this.block);
      this.filled = 0;
    }
    return true;
  }
});
