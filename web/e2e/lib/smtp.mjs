import { createServer } from 'node:net'
import { until } from './process.mjs'

/** An SMTP server that takes every mail and sends none. It undoes quoted-printable. */
export class SMTP {
  static async start() {
    const smtp = new SMTP()
    smtp.mails = []
    smtp.server = createServer((socket) => {
      let [read, to, inMail] = ['', '', false]
      const say = (line) => socket.write(`${line}\r\n`)
      socket.on('error', () => {}) // the server may hang up first
      socket.on('data', (chunk) => {
        read += chunk
        for (;;) {
          const end = inMail ? '\r\n.\r\n' : '\r\n'
          if (!read.includes(end)) return
          const part = read.slice(0, read.indexOf(end))
          read = read.slice(part.length + end.length)
          to = inMail ? to : (/^RCPT TO:<(.+?)>/i.exec(part)?.[1] ?? to)
          if (inMail) smtp.mails.push({ to, text: part.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))) })
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

  /** The text of the next mail to an address, which is taken. */
  async next(to) {
    const mail = await until(`a mail to ${to}`, () => this.mails.find((m) => m.to === to))
    this.mails.splice(this.mails.indexOf(mail), 1)
    return mail.text
  }

  stop = () => new Promise((done) => this.server.close(done))
}
