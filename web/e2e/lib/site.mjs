// A web site with pages for links to lead to.

import { createServer } from 'node:http'

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

export class Site {
  /** Pages by path: { title, description, site, image } or { type, body }. Others are /page/N. */
  static async start(pages = {}) {
    const site = new Site()
    site.pages = pages
    site.asked = []
    site.server = createServer((req, res) => {
      const { pathname } = new URL(req.url, 'http://x')
      site.asked.push(pathname)
      const n = /^\/page\/(\d+)$/.exec(pathname)?.[1]
      const page = pages[pathname] ?? (n && { title: `Page ${n}`, description: `What page ${n} is about`, site: 'A site' })
      if (!page) return void res.writeHead(404).end()
      if (page.body) return void res.writeHead(200, { 'Content-Type': page.type }).end(page.body)
      const meta = Object.entries({ title: page.title, description: page.description, site_name: page.site, image: page.image })
        .map(([name, value]) => value && `<meta property="og:${name}" content="${escape(value)}">`)
      res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(`<!doctype html>${meta.filter(Boolean).join('')}`)
    })
    await new Promise((done) => site.server.listen(0, '127.0.0.1', done))
    site.host = `127.0.0.1:${site.server.address().port}`
    site.url = `http://${site.host}`
    return site
  }

  async stop() {
    this.server.closeAllConnections()
    await new Promise((done) => this.server.close(done))
  }
}
