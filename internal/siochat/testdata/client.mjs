// Chats over the server that TestOfficialClients starts with an official client, and prints a line of JSON for each scenario.
// node client.mjs URL VERSION TRANSPORTS, as in: node client.mjs http://127.0.0.1:1234 4 polling,websocket
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [url, version, transportList] = process.argv.slice(2);
const require = createRequire(new URL("../../socketio/testdata/package.json", import.meta.url));
const { io } = require(`socket.io-client-${version}`);
const transports = transportList.split(",");
const patience = 60_000;

const opened = new Set();

function socket(options = {}) {
  const s = io(url, { transports, forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50, autoConnect: false, ...options });
  opened.add(s);
  return s;
}

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

// open connects a socket; connect_error rejects.
async function open(options) {
  const s = socket(options);
  const done = Promise.race([once(s, "connect"), once(s, "connect_error").then(([e]) => Promise.reject(e))]);
  s.connect();
  await done;
  return s;
}

// call does an action, whatever comes of it.
const call = (s, action, input) => new Promise((resolve) => (input === undefined ? s.emit(action, resolve) : s.emit(action, input, resolve)));

// must does an action that has to work.
async function must(s, action, input) {
  const result = await call(s, action, input);
  assert.equal(result.error, undefined, `${action}: ${JSON.stringify(result.error)}`);
  return result;
}

let people = 0;

// person signs somebody up, as a stranger over Socket.IO.
async function person() {
  const s = await open();
  const name = `${version} ${transports.join(" ")} ${people++}`;
  const { token, user } = await must(s, "account.create", { name, password: "password123" });
  s.disconnect();
  return { name, token, id: user.id };
}

// Follower keeps positions as docs/protocol.md says, and fails where something is missing.
class Follower {
  constructor(s) {
    this.s = s;
    this.positions = {};
    this.texts = [];
    this.resumed = [];
    this.waiting = [];
    s.on("event", (e) => this.apply(e));
    s.on("resumed", ({ stream, position }) => {
      assert.deepEqual(this.positions[stream], position);
      this.resumed.push(stream);
    });
    s.on("resync", (x) => assert.fail(`resync ${JSON.stringify(x)}`));
  }

  async sync() {
    const state = await must(this.s, "sync", { device: "d1", positions: this.positions });
    this.positions[`user:${state.user.id}`] ??= state.user_position;
    this.positions.server ??= state.server_position;
    for (const room of state.rooms) this.positions[`room:${room.id}`] = room.position;
    return state;
  }

  apply(e) {
    const at = this.positions[e.stream];
    if (at) {
      if (e.seq <= at.seq) return;
      assert.equal(e.seq, at.seq + 1, `${e.stream}: ${at.seq} and then ${e.seq}`);
      assert.equal(e.prev ?? "", at.id ?? "");
    }
    this.positions[e.stream] = { epoch: e.epoch, seq: e.seq, id: e.id };
    if (e.kind === "room.joined") this.positions[`room:${e.view.id}`] = e.view.position;
    if (e.kind === "message.created") this.texts.push(e.message.text);
    this.waiting = this.waiting.filter(([is, resolve]) => !is(e) || resolve(e));
  }

  // next is the next event that is as wanted.
  next(is) {
    return new Promise((resolve) => this.waiting.push([is, resolve]));
  }
}

const created = (text) => (e) => e.kind === "message.created" && e.message.text === text;

async function follower(token) {
  const f = new Follower(await open({ auth: { token } }));
  f.state = await f.sync();
  return f;
}

const signal = (s, is) => new Promise((resolve) => s.on("signal", (x) => is(x) && resolve(x)));

const scenarios = {
  async "log in, sync, send, receive"() {
    const { name, token } = await person();
    const s = await open();
    const login = await must(s, "session.create", { name, password: "password123" });
    assert.notEqual(login.token, token);
    const me = await must(s, "authenticate", { token: login.token });
    assert.equal(me.user.name, name);
    const f = new Follower(s);
    const state = await f.sync();
    assert.equal(state.user.name, name);
    assert.deepEqual(state.rooms.map((r) => r.id), ["general"]);
    const text = "hi <b>&</b> 漢字 😀\u2028!";
    const kept = text.replace("\u2028", "\n"); // one kind of line break
    const heard = f.next(created(kept));
    const sent = await must(s, "message.send", { room: "general", text, client_id: "c1" });
    assert.equal(sent.text, kept);
    const e = await heard;
    assert.deepEqual([e.message.id, e.seq, e.message.client_id], [sent.id, sent.seq, "c1"]);
    assert.deepEqual(await must(s, "message.send", { room: "general", text, client_id: "c1" }), sent);
    assert.deepEqual(await must(s, "ping"), {});
    assert.ok(transports.includes(s.io.engine.transport.name));
  },

  async "a token on connecting, in auth and in a header"() {
    const { name, token } = await person();
    for (const options of [{ auth: { token } }, { auth: (f) => f({ token }) }, { extraHeaders: { Authorization: `Bearer ${token}` } }]) {
      const s = await open(options);
      assert.equal((await must(s, "account.get")).user.name, name);
    }
    await assert.rejects(open({ auth: { token: "wrong" } }), (e) => e.data.code === "unauthenticated" && e.message.length > 0);
    await assert.rejects(open({ extraHeaders: { Authorization: "Bearer wrong" } }), /error/);
    await assert.rejects(open({ query: { token } }), /error/);
  },

  async "two people"() {
    const a = await follower((await person()).token);
    const { id, token } = await person();
    const online = signal(a.s, (x) => x.kind === "presence" && x.user === id && x.online === true); // told as soon as they are connected
    assert.deepEqual(await must(a.s, "presence.watch", { users: [id] }), { online: [] });
    const b = new Follower(await open({ auth: { token } }));
    await b.sync();
    await online;
    const typing = signal(a.s, (x) => x.kind === "typing" && x.user === id && x.stream === "room:general");
    await must(b.s, "typing.send", { room: "general" });
    await typing;
    const joined = b.next((e) => e.kind === "room.joined");
    const room = await must(a.s, "room.create", { name: "Plans", kind: "private", users: [id] });
    assert.equal((await joined).view.id, room.id);
    for (let i = 0; i < 20; i++) {
      const [from, to] = i % 2 ? [a, b] : [b, a];
      const heard = to.next(created(`${room.id} ${i}`));
      await must(from.s, "message.send", { room: room.id, text: `${room.id} ${i}` });
      assert.equal((await heard).stream, `room:${room.id}`);
    }
    const list = await must(a.s, "message.list", { room: room.id });
    assert.equal(list.messages.length, 20);
  },

  async "refusals are objects"() {
    const f = await follower((await person()).token);
    const empty = await call(f.s, "message.send", { room: "general", text: "" });
    assert.equal(empty.error.code, "invalid");
    assert.equal(empty.error.field, "text");
    assert.ok(empty.error.message);
    assert.deepEqual(Object.keys(empty), ["error"]);
    assert.equal((await call(f.s, "room.get", { room: "none" })).error.code, "not_found");
    assert.equal((await call(f.s, "message.send", { room: "general", text: "x", from: "me" })).error.code, "invalid");
    assert.equal((await call(f.s, "message.send", { room: "general", text: new Uint8Array([1]) })).error.code, "invalid");
    assert.equal((await call(f.s, "no.such")).error.code, "not_found");
    assert.deepEqual(await must(f.s, "ping"), {});
  },

  async "300 sends at once keep their order"() {
    const token = (await person()).token;
    const f = await follower(token);
    const last = f.next(created("299"));
    await Promise.all(Array.from({ length: 300 }, (_, i) => must(f.s, "message.send", { room: "general", text: `${i}`, client_id: `o${i}` })));
    await last;
    assert.deepEqual(f.texts, Array.from({ length: 300 }, (_, i) => `${i}`));
  },

  async "resumes after being cut off, with nothing lost and nothing twice"() {
    const sender = await follower((await person()).token);
    const f = await follower((await person()).token);
    const total = 300;
    const last = f.next(created(`m${total - 1}`));
    f.s.on("connect", () => f.sync());
    let cuts = 0;
    for (let i = 0; i < total; i++) {
      await must(sender.s, "message.send", { room: "general", text: `m${i}` });
      if (i % 60 === 30) {
        const back = once(f.s, "connect");
        f.s.io.engine.close();
        cuts++;
        if (i % 120 === 30) await back; // and sometimes the sender goes on meanwhile
      }
    }
    await last;
    assert.deepEqual(f.texts.filter((x) => x.startsWith("m")), Array.from({ length: total }, (_, i) => `m${i}`));
    assert.ok(f.resumed.length >= cuts, `${f.resumed.length} streams resumed`);
  },

  async "a session that ends takes its sockets along, at once"() {
    const { name, token } = await person();
    const [a, b] = [await follower(token), await open({ auth: { token } })];
    const other = await open();
    const second = await must(other, "session.create", { name, password: "password123" });
    await must(other, "authenticate", { token: second.token });
    const begin = Date.now();
    const ends = [a.s, b].map(async (s) => {
      const goodbye = once(s, "goodbye");
      const gone = once(s, "disconnect");
      const [bye] = await goodbye;
      assert.equal(bye.code, 4001);
      assert.ok(bye.reason);
      assert.equal(bye.retry_ms, undefined);
      assert.equal((await gone)[0], "io server disconnect");
    });
    const { sessions } = await must(other, "session.list");
    await must(other, "session.revoke", { session: sessions.find((s) => !s.current).id });
    await Promise.all(ends);
    assert.ok(Date.now() - begin < 4000, `${Date.now() - begin} ms`); // before any heartbeat or time-out could have done it
    await new Promise((resolve) => setTimeout(resolve, 200)); // clients do not come back by themselves
    assert.equal(a.s.connected || b.connected, false);
    assert.deepEqual(await must(other, "ping"), {});
    await assert.rejects(open({ auth: { token } }), (e) => e.data.code === "unauthenticated");
  },

  async "foreign pages are refused, and those of ours are not"() {
    const { token } = await person();
    const Cookie = `parley=${token}`;
    for (const Origin of ["http://evil.example", "null", `${url}.evil.example`, url.replace("http:", "https:"), url.replace(/:\d+$/, ":1")]) {
      for (const extraHeaders of [{ Origin, Cookie }, { Origin }, { Origin, Authorization: `Bearer ${token}` }]) {
        await assert.rejects(open({ extraHeaders, reconnection: false, auth: { token } }), /error/, `${Origin} ${Object.keys(extraHeaders)}`);
      }
    }
    await assert.rejects(open({ extraHeaders: { Cookie }, reconnection: false }), /error/);
    const s = await open({ extraHeaders: { Origin: url, Cookie } });
    assert.ok((await must(s, "account.get")).user.name);
  },
};

for (const [name, run] of Object.entries(scenarios)) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("takes too long")), patience)));
  let error;
  const fail = new Promise((_, reject) => {
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", reject); // of a listener's assertion
  });
  try {
    await Promise.race([run(), late, fail]);
  } catch (e) {
    error = String(e.stack ?? e);
  }
  clearTimeout(timer);
  for (const s of opened) {
    s.io.reconnection(false);
    s.disconnect();
  }
  opened.clear();
  console.log(JSON.stringify({ name, error }));
}
process.exit(0);
