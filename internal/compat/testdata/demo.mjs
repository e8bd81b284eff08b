// Does what the demo's React client does, twice, beside a WebSocket client of Parley's own, and prints a line of JSON for each scenario.
// node demo.mjs URLS TRANSPORTS, as in: node demo.mjs http://127.0.0.1:1234 polling,websocket
// With several URLs, of nodes that are one chat, each browser is at another one than the browser before.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [urlList, transportList] = process.argv.slice(2);
const urls = urlList.split(",");
const require = createRequire(new URL("../../socketio/testdata/package.json", import.meta.url));
const { io } = require("socket.io-client-3");
const WebSocket = require("ws");
const transports = transportList.split(",");
const patience = 60_000;
const opened = new Set();

// until waits for what is certain to come.
async function until(what, is) {
  for (const end = Date.now() + patience; ; ) {
    const found = is();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let browsers = 0;

// Browser is a demo client with its cookies. All its tabs share them.
class Browser {
  constructor() {
    this.url = urls[browsers++ % urls.length];
    this.cookies = new Map();
  }
  get cookie() {
    return [...this.cookies].map(([k, v]) => `${k}=${v}`).join("; ");
  }
  // The session's token; the cookie's name ends in the server's id.
  get token() {
    return [...this.cookies].find(([k]) => /^parley(-[a-z0-9]+)?$/.test(k))?.[1];
  }
  async request(method, path, body) {
    const headers = { cookie: this.cookie };
    if (method === "POST") headers.origin = this.url;
    if (body !== undefined) headers["content-type"] = "application/json";
    const res = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    for (const line of res.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/Max-Age=0/.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await res.text();
    return { status: res.status, data: res.headers.get("content-type").startsWith("application/json") ? JSON.parse(text) : text };
  }
  async want(status, method, path, body) {
    const res = await this.request(method, path, body);
    assert.equal(res.status, status, `${method} ${path}: ${res.status} ${JSON.stringify(res.data)}`);
    return res.data;
  }
  async logIn(username, password = "password123", status = 201) {
    this.user = await this.want(status, "POST", "/login", { username, password });
    return this;
  }
  // tab opens a socket, and keeps all that comes.
  async tab(options = {}) {
    const s = io(this.url, { transports, forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50, extraHeaders: { Cookie: this.cookie }, ...options });
    opened.add(s);
    s.io.once("open", () => s.connect()); // as the demo's client does, which sends a second CONNECT thereby
    s.got = [];
    for (const event of ["message", "user.connected", "user.disconnected", "show.room", "event", "signal"]) s.on(event, (body) => s.got.push([event, body]));
    s.heard = (event, is = () => true) => s.got.filter(([e, body]) => e === event && is(body)).map(([, body]) => body);
    s.said = (text) => s.heard("message", (m) => m.message === text);
    await new Promise((resolve, reject) => {
      s.once("connect", resolve);
      s.once("connect_error", reject);
    });
    return s;
  }
}

const ack = (s, event, body) => new Promise((resolve) => s.emit(event, body, resolve));

// own opens a client of Parley's own, which keeps all events.
async function own(token) {
  const s = new WebSocket(`${urls.at(-1).replace("http", "ws")}/api/v1/ws`, { headers: { Authorization: `Bearer ${token}` } });
  const waiting = new Map();
  const client = { events: [], signals: [], close: () => s.close() };
  let id = 0;
  client.call = (method, params = {}) =>
    new Promise((resolve, reject) => {
      waiting.set(++id, (m) => (m.error ? reject(new Error(JSON.stringify(m.error))) : resolve(m.result)));
      s.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  s.on("message", (data) => {
    const m = JSON.parse(data);
    if (m.id !== undefined) waiting.get(m.id)(m);
    else if (m.method === "event") client.events.push(m.params);
    else if (m.method === "signal") client.signals.push(m.params);
  });
  await new Promise((resolve, reject) => s.once("open", resolve).once("error", reject));
  client.state = await client.call("sync");
  client.said = (text) => client.events.filter((e) => e.kind === "message.created" && e.message.text === text).map((e) => e.message);
  opened.add({ disconnect: () => s.close() });
  return client;
}

const pair = (a, b) => [a.user.id, b.user.id].sort((x, y) => Number(BigInt(x) - BigInt(y))).join(":");
const scenarios = [];
const scenario = (name, run) => scenarios.push({ name, run });

scenario("a visit, from log-in to log-out", async () => {
  const ada = new Browser();
  assert.equal(await ada.want(200, "GET", "/me"), null);
  const name = await ada.want(200, "GET", "/randomname");
  await ada.logIn(name);
  assert.equal(ada.user.username, name);
  assert.deepEqual(await ada.want(200, "GET", "/me"), ada.user);
  const s = await ada.tab();
  assert.deepEqual(await ada.want(200, "GET", `/rooms/${ada.user.id}`), [{ id: "0", names: ["General"] }]);
  s.emit("room.join", "0");
  const text = `hello from ${name}`;
  const before = Math.floor(Date.now() / 1000) - 1;
  s.emit("message", { roomId: "0", message: text, from: ada.user.id, date: 1 });
  const [m] = await until("the own message", () => s.said(text).length && s.said(text));
  assert.deepEqual({ ...m, date: 0 }, { from: ada.user.id, date: 0, message: text, roomId: "0" });
  assert.ok(Number.isInteger(m.date) && m.date >= before && m.date <= Date.now() / 1000 + 1, `date ${m.date}`);
  const general = await ada.want(200, "GET", "/room/0/preload");
  assert.deepEqual([general.id, general.name, general.messages[0]], ["0", "General", m]);
  assert.equal((await ada.want(200, "GET", "/users/online"))[ada.user.id].online, true);
  const gone = new Promise((resolve) => s.once("disconnect", resolve));
  const old = ada.cookie;
  await ada.want(200, "POST", "/logout");
  assert.equal(await gone, "io server disconnect");
  assert.equal(ada.cookie, "");
  await assert.rejects(ada.tab({ extraHeaders: { Cookie: old } }));
  assert.equal(await ada.want(200, "GET", "/me"), null);
});

scenario("messages both ways, with Parley's own client", async () => {
  const [ada, bob] = [await new Browser().logIn("Ada"), await new Browser().logIn("Bob")];
  const [sa, sb] = [await ada.tab(), await bob.tab()];
  const parley = await own((await post("/api/v1/accounts", { name: "Paula", password: "password123" })).token);
  sa.emit("room.join", "0");
  const texts = ["<script>alert(1)</script> & <b>\"'</b>", "&lt;b&gt;", "𝕏 é\nline two", "same", "same"];
  for (const text of texts) sa.emit("message", { roomId: "0", message: text, from: ada.user.id, date: 0 });
  await until("all at the other demo client", () => sb.heard("message", (m) => m.from === ada.user.id).length === texts.length);
  await until("all at Parley's own", () => parley.said("same").length === 2);
  assert.deepEqual(sb.heard("message", (m) => m.from === ada.user.id).map((m) => m.message), texts);
  for (const text of texts) assert.ok(parley.said(text).length > 0, text);
  const history = await bob.want(200, "GET", "/room/0/messages?offset=0&size=5");
  assert.deepEqual(history.map((m) => m.message), [...texts].reverse());

  await parley.call("message.send", { room: "general", text: "<i>from Parley</i>" });
  for (const s of [sa, sb]) {
    const [m] = await until("Parley's message", () => s.said("<i>from Parley</i>").length && s.said("<i>from Parley</i>"));
    assert.equal(m.roomId, "0");
    assert.equal((await ada.want(200, "GET", `/users?ids[]=${m.from}`))[m.from].username, "Paula");
  }

  // Paula's direct room shows up with its first message, and is the demo's private one.
  const bobsID = parley.said("x").length || (await parley.call("user.list")).users.find((u) => u.name === "Bob").id;
  const room = await parley.call("direct.open", { user: bobsID });
  await parley.call("message.send", { room: room.id, text: "psst" });
  const [shown] = await until("the room", () => sb.heard("show.room").length && sb.heard("show.room"));
  assert.deepEqual(shown.names.flat().sort(), ["Bob", "Paula"]);
  await until("the first message", () => sb.said("psst").length);
  assert.equal(sb.said("psst")[0].roomId, shown.id);
  sb.emit("message", { roomId: shown.id, message: "what?" });
  await until("the answer at Parley's own", () => parley.said("what?").length);
  assert.equal(parley.said("what?")[0].room, room.id);
  await until("the answer at Bob's", () => sb.said("what?").length);
  assert.deepEqual([sa.heard("show.room"), sa.said("psst"), sa.said("what?")], [[], [], []]);
  // A named room that somebody is added to shows up too.
  const plans = await parley.call("room.create", { name: "Plans", kind: "private", users: [bobsID] });
  const [named] = await until("the named room", () => sb.heard("show.room", (r) => r.names[0] === "Plans").length && sb.heard("show.room", (r) => r.names[0] === "Plans"));
  await parley.call("message.send", { room: plans.id, text: "a plan" });
  await until("its message", () => sb.said("a plan").length);
  assert.equal(sb.said("a plan")[0].roomId, named.id);
  assert.equal((await bob.want(200, "GET", `/room/${named.id}/messages?offset=0&size=15`)).length, 1);
  await ada.want(404, "GET", `/room/${named.id}/messages?offset=0&size=15`);
});

scenario("a private room appears at its first message", async () => {
  const [ada, bob, eve] = [await new Browser().logIn("Ada1"), await new Browser().logIn("Bob1"), await new Browser().logIn("Eve1")];
  const [sa, second, sb, se] = [await ada.tab(), await ada.tab(), await bob.tab(), await eve.tab()];
  const room = await ada.want(201, "POST", "/room", { user1: bob.user.id, user2: ada.user.id });
  assert.deepEqual(room, { id: pair(ada, bob), names: [["Bob1"], ["Ada1"]] });
  assert.deepEqual((await bob.want(200, "GET", `/rooms/${bob.user.id}`)).map((r) => r.id), ["0"]);
  assert.deepEqual(await ack(sa, "room.join", room.id), undefined);
  for (const id of [room.id, "0:1", "a:b", "1:1", "0:0", "2:1", "9".repeat(400), "9007199254740993", "no such room", "", 7, -1, 1e300, null, [], {}, undefined]) {
    const answer = await ack(se, "room.join", id);
    assert.ok(answer?.message, `joining ${JSON.stringify(id)}: ${JSON.stringify(answer)}`);
    const sent = await ack(se, "message", { roomId: id, message: "intruder", from: ada.user.id, date: 1 });
    assert.ok(sent?.message, `sending to ${JSON.stringify(id)}: ${JSON.stringify(sent)}`);
  }
  for (const body of [undefined, null, 1, "x", [], {}, { roomId: "0" }, { roomId: "0", message: 1 }, { roomId: "0", message: { toString: 1 } }, { roomId: "0", message: " " }, { roomId: "0", message: "x".repeat(20_000) }]) {
    const answer = await ack(se, "message", body);
    assert.ok(answer?.message, `sending ${JSON.stringify(body)?.slice(0, 50)}: ${JSON.stringify(answer)}`);
  }
  assert.equal(se.connected, true);
  sa.emit("message", { roomId: room.id, message: "first", from: bob.user.id, date: 12 });
  sa.emit("message", { roomId: room.id, message: "second", from: bob.user.id, date: 12 });
  await until("both messages", () => sb.said("second").length && second.said("second").length && sa.said("second").length);
  for (const s of [sb, second]) {
    assert.deepEqual(s.got.filter(([e]) => e === "show.room" || e === "message").map(([e, b]) => [e, e === "message" ? [b.message, b.from, b.roomId] : b.id]), [
      ["show.room", room.id],
      ["message", ["first", ada.user.id, room.id]],
      ["message", ["second", ada.user.id, room.id]],
    ]);
    assert.deepEqual(s.heard("show.room")[0].names.flat().sort(), ["Ada1", "Bob1"]);
  }
  assert.deepEqual(sa.heard("show.room"), []); // it has opened the room itself
  assert.deepEqual((await bob.want(200, "GET", `/rooms/${bob.user.id}`)).map((r) => r.id).sort(), ["0", room.id].sort());
  // A stranger hears nothing of it, whatever they ask for. What they say afterwards to all comes after whatever they could have heard.
  se.emit("message", { roomId: "0", message: "after all" });
  await until("what comes after", () => se.said("after all").length);
  assert.deepEqual(se.got.filter(([e, b]) => e === "show.room" || (e === "message" && b.roomId !== "0")), []);
  assert.deepEqual([sa.said("intruder"), sb.said("intruder")], [[], []]);
  await eve.want(404, "GET", `/room/${room.id}/messages?offset=0&size=15`);
  await eve.want(404, "GET", `/rooms/${ada.user.id}`);
  await eve.want(403, "POST", "/room", { user1: ada.user.id, user2: bob.user.id });
  assert.equal((await eve.request("GET", `/users?${Array.from({ length: 1500 }, (_, i) => `ids[]=${i}`).join("&")}`)).status, 400);
});

scenario("presence over two tabs", async () => {
  const [ada, bob] = [await new Browser().logIn("Ada2"), await new Browser().logIn("Bob2")];
  const sb = await bob.tab();
  const bobs = (event) => sb.heard(event, (u) => u.id === ada.user.id);
  const [one, two] = [await ada.tab(), await ada.tab()];
  await until("Ada to come", () => bobs("user.connected").length);
  assert.deepEqual(bobs("user.connected"), [{ id: ada.user.id, username: "Ada2", online: true }]);
  one.disconnect();
  // Cleo comes and goes meanwhile: whoever goes is told of after the same time.
  const cleo = await new Browser().logIn("Cleo2");
  (await cleo.tab()).disconnect();
  await until("Cleo to go", () => sb.heard("user.disconnected", (u) => u.id === cleo.user.id).length);
  assert.equal(bobs("user.disconnected").length, 0);
  assert.equal((await bob.want(200, "GET", "/users/online"))[ada.user.id].online, true);
  two.emit("message", { roomId: "0", message: "still here" });
  await until("the other tab", () => sb.said("still here").length);
  two.disconnect();
  await until("Ada to go", () => bobs("user.disconnected").length);
  assert.deepEqual(bobs("user.disconnected"), [{ id: ada.user.id, username: "Ada2", online: false }]);
  assert.equal((await bob.want(200, "GET", "/users/online"))[ada.user.id], undefined);
  assert.equal(bobs("user.connected").length, 1);
  assert.deepEqual(sb.heard("user.connected", (u) => u.id === bob.user.id), []); // not of oneself
});

scenario("a token in auth is for Parley's own contract", async () => {
  const ada = await new Browser().logIn("Ada3");
  const s = await ada.tab({ auth: { token: ada.token }, extraHeaders: { Cookie: ada.cookie, Origin: ada.url } });
  const state = await ack(s, "sync", {});
  assert.equal(state.user.name, "Ada3");
  const sent = await ack(s, "message.send", { room: "general", text: "from Parley's own" });
  assert.equal(sent.text, "from Parley's own");
  await until("its event", () => s.heard("event", (e) => e.message?.text === "from Parley's own").length);
  assert.deepEqual(s.heard("message"), []);
  // And without the cookie, a token in a header.
  const other = new Browser();
  const t = await other.tab({ extraHeaders: { Authorization: `Bearer ${ada.token}` } });
  assert.equal((await ack(t, "account.get", {})).user.name, "Ada3");
});

scenario("a lost connection comes back by itself", async () => {
  const [ada, bob] = [await new Browser().logIn("Ada4"), await new Browser().logIn("Bob4")];
  const [sa, sb] = [await ada.tab(), await bob.tab()];
  const again = new Promise((resolve) => sa.once("connect", resolve));
  sa.io.engine.close();
  await again;
  sb.emit("message", { roomId: "0", message: "welcome back" });
  await until("a message after it", () => sa.said("welcome back").length);
});

async function post(path, body) {
  const res = await fetch(urls[0] + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return res.json();
}

for (const { name, run } of scenarios) {
  let error;
  try {
    await run();
  } catch (e) {
    error = e.stack;
  }
  for (const s of opened) s.disconnect();
  opened.clear();
  console.log(JSON.stringify({ name, error }));
}
