import type { AudioOut } from '../sound.ts';

/** WebAudio behind the sound port. Must be called from a person's gesture, or the browser keeps it silent. */
export function createBrowserAudio(): AudioOut {
  const context = new AudioContext();
  void context.resume();
  return {
    tone(startS, lengthS, frequencyHz, volume) {
      const at = context.currentTime + startS;
      const gain = context.createGain();
      gain.connect(context.destination);
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(volume, at + 0.02);
      gain.gain.setValueAtTime(volume, at + lengthS - 0.03);
      gain.gain.linearRampToValueAtTime(0, at + lengthS);
      // Four harmonics: a pure tone is hard to locate and easy to miss (IEC 60601-1-8 asks for harmonics).
      for (const [harmonic, share] of harmonics) {
        const oscillator = context.createOscillator();
        const part = context.createGain();
        part.gain.value = share;
        oscillator.frequency.value = frequencyHz * harmonic;
        oscillator.connect(part).connect(gain);
        oscillator.start(at);
        oscillator.stop(at + lengthS);
      }
    },
    running: () => context.state === 'running',
  };
}

const harmonics: readonly (readonly [harmonic: number, share: number])[] = [
  [1, 0.5],
  [2, 0.25],
  [3, 0.15],
  [4, 0.1],
];
