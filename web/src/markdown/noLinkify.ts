/** In the place of markdown-it's own finder of links, which is not used: links.ts finds them. */
export class LinkifyIt {
  set(): this {
    return this
  }
}
