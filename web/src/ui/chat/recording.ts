// A voice message on its way from the microphone into a file.

export interface Recording {
  /** Milliseconds that are recorded so far. */
  elapsed: () => number
  /** How loud the last so many milliseconds were, at most 600: 0 to 1. */
  level: (last: number) => number
  /** Ends it: what was recorded comes to done. */
  stop: () => void
  /** Ends it, and throws away what was recorded. */
  cancel: () => void
}

export interface Recorded {
  data: Blob
  /** Milliseconds. */
  duration: number
  /** Whether it has ended because it may not be longer. */
  full: boolean
}

const longest = 10 * 60_000 // ms
const slice = 1_000 // ms, between two looks at how long and how large it is
const types = ['audio/webm;codecs=opus', 'audio/mp4']

/**
 * Asks for the microphone and records it, for ten minutes and limit bytes at
 * most. The microphone is free again before done is called, and after cancel.
 * Fails with what getUserMedia fails with.
 */
export async function record(limit: number, done: (recorded: Recorded) => void): Promise<Recording> {
  if (!navigator.mediaDevices) throw new DOMException('the page is not secure', 'SecurityError')
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
  let context: AudioContext | null = null
  const release = () => {
    for (const track of stream.getTracks()) track.stop()
    void context?.close()
    context = null
  }
  try {
    context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 32_768 // what it keeps, the most that it can: 0.68 s at 48 kHz
    context.createMediaStreamSource(stream).connect(analyser)
    const rate = context.sampleRate
    const kept = new Float32Array(analyser.fftSize)

    // Speech is clear at 32 kbit/s: ten minutes are 2.4 MB.
    const recorder = new MediaRecorder(stream, { mimeType: types.find((type) => MediaRecorder.isTypeSupported(type)), audioBitsPerSecond: 32_000 })
    const parts: Blob[] = []
    let size = 0
    let began = Infinity
    let full = false
    let wanted = true
    const elapsed = () => Math.max(0, performance.now() - began)
    const stop = () => {
      if (recorder.state !== 'inactive') recorder.stop()
    }
    recorder.onstart = () => (began = performance.now())
    recorder.ondataavailable = ({ data }) => {
      parts.push(data)
      size += data.size
      // What is recorded until it has stopped has to fit in, too.
      if (recorder.state === 'inactive' || (size + 2 * data.size <= limit && elapsed() < longest)) return
      full = true
      stop()
    }
    recorder.onstop = () => {
      const duration = Math.round(elapsed())
      release()
      if (wanted) done({ data: new Blob(parts, { type: recorder.mimeType }), duration, full })
    }
    recorder.start(slice)
    return {
      elapsed,
      stop,
      level: (last) => {
        analyser.getFloatTimeDomainData(kept)
        const samples = kept.subarray(-Math.ceil((rate * last) / 1000))
        const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length
        return Math.min(1, Math.max(0, 1 + (10 * Math.log10(power)) / 60)) // from -60 dB on
      },
      cancel: () => {
        wanted = false
        stop()
        release()
      },
    }
  } catch (err) {
    release()
    throw err
  }
}
