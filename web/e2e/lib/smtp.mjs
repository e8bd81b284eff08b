import { createServer } from 'node:net'
import { until } from './process.mjs'

/** An SMTP server that takes every mail and sends none. Its mails are texts, with quoted-printable undone. */
export class SMTP {
  static async start() {
    const smtp = new SMTP()
    smtp.mails = []
    smtp.server = createServer((socket) => {
      let [read, inMail] = ['', false]
      const say = (line) => socket.write(`${line}\r\n`)
      socket.on('error', () => {}) // the server may hang up first
      socket.on('data', (chunk) => {
        read += chunk
        for (;;) {
          const end = inMail ? '\r\n.\r\n' : '\r\n'
          if (!read.includes(end)) return
          const part = read.slice(0, read.indexOf(end))
          read = read.slice(part.length + end.length)
          if (inMail) smtp.mails.push(part.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))))
          inMail = !inMail && /^DATA$/i.test(part)
          say(inMail ? '354 go on' : /^QUIT/i.test(part) ? '221 bye' : '250 ok')
        }
      })
      say('220 localhost')
    })
    await new Promise((done) => smtp.server.listen(0, '127.0.0.1', done))
    smtp.url = `smtp://127.0.0.1:${smtp.server.address().port}?tls=off`
    return smtp
  }

  /** The next mail to an address, which is taken. */
  async next(to) {
    const find = () => this.mails.findIndex((mail) => mail.split('\r\n').some((line) => line.startsWith('To:') && line.includes(`<${to}>`)))
    await until(`a mail to ${to}`, () => find() >= 0)
    return this.mails.splice(find(), 1)[0]
  }

  stop = () => new Promise((done) => this.server.close(done))
}
