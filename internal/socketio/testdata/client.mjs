// Drives the server that TestOfficialClients starts with an official client, and prints a line of JSON for each scenario.
// node client.mjs URL VERSION TRANSPORTS, as in: node client.mjs http://127.0.0.1:1234 4 polling,websocket
import assert from "node:assert/strict";

const [url, version, transportList] = process.argv.slice(2);
const { Manager } = await import(`socket.io-client-${version}`);
const transports = transportList.split(",");
const patience = 60_000;
const total = 3000;

const opened = new Set();

function manager(options = {}) {
  const m = new Manager(url, { transports, reconnectionDelay: 10, reconnectionDelayMax: 50, autoConnect: false, ...options });
  opened.add(m);
  return m;
}

const socket = (namespace = "/", options = {}, m = manager(options)) => m.socket(namespace, options);

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

async function connected(...args) {
  const s = socket(...args);
  const done = Promise.race([once(s, "connect"), once(s, "connect_error").then(([e]) => Promise.reject(e))]);
  s.connect();
  await done;
  return s;
}

// ask is emit with an acknowledgement that has to come.
const ask = (s, ...args) => new Promise((resolve) => s.emit(...args, (...answer) => resolve(answer)));

// until collects events until there are enough.
function until(s, event, count) {
  const list = [];
  return new Promise((resolve) => {
    s.on(event, (...args) => {
      list.push(args);
      if (list.length === count) resolve(list);
    });
  });
}

const bytes = (b) => new Uint8Array(b instanceof ArrayBuffer ? b : b.buffer, b.byteOffset ?? 0, b.byteLength);

const onTransport = (s, name) => s.io.engine.transport.name === name;

async function upgraded(s) {
  if (transports.length > 1 && !onTransport(s, "websocket")) await once(s.io.engine, "upgrade");
}

const scenarios = {
  async "connects and uses the transports it was told"() {
    const s = await connected();
    assert.match(s.id, /^[\w-]{20}$/);
    assert.notEqual(s.id, s.io.engine.id);
    await upgraded(s);
    assert.ok(onTransport(s, transports.at(-1)));
    assert.deepEqual(await ask(s, "id"), [s.id]);
  },

  async "3,000 echoes in order, across the upgrade"() {
    const s = socket();
    const back = until(s, "echo", total);
    s.connect();
    for (let i = 0; i < total; i++) {
      s.emit("echo", i, `message ${i}`);
      if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    (await back).forEach((args, i) => assert.deepEqual(args, [i, `message ${i}`]));
    await upgraded(s);
    assert.deepEqual(await ask(s, "ack", "after"), ["after"]);
  },

  async "3,000 events of the server in order, across the upgrade"() {
    const s = socket();
    const back = until(s, "burst", total);
    s.connect();
    s.emit("burst", total);
    (await back).forEach((args, i) => assert.deepEqual(args, [i]));
  },

  async "3,000 acknowledgements, each for its own event"() {
    const s = await connected();
    const answers = await Promise.all(Array.from({ length: total }, (_, i) => ask(s, "ack", i)));
    answers.forEach((args, i) => assert.deepEqual(args, [i]));
  },

  async "text of every kind"() {
    const s = await connected();
    for (const text of ["", "é 漢字 😀", "\x1e\x00\n\"\\", "\u2028<&>", "4", "b64", "x".repeat(300_000)]) {
      assert.deepEqual(await ask(s, "ack", text, { [text.slice(0, 10)]: [text.slice(0, 10)] }), [text, { [text.slice(0, 10)]: [text.slice(0, 10)] }]);
    }
    assert.deepEqual(await ask(s, "ack", null, true, 1.5, [], {}), [null, true, 1.5, [], {}]);
    assert.deepEqual(await ask(s, "ack", { _placeholder: true, num: 0 }), [{ _placeholder: true, num: 0 }]);
  },

  async "bytes both ways"() {
    const s = await connected();
    for (const size of [0, 1, 1000, 200_000]) {
      const data = Uint8Array.from({ length: size }, (_, i) => (i * 7) % 256);
      const back = once(s, "echo");
      s.emit("echo", "before", data, "after", Buffer.from([1, 2, 3]));
      const [before, first, after, second] = await back;
      assert.deepEqual([before, after], ["before", "after"]);
      assert.deepEqual(bytes(first), data);
      assert.deepEqual([...bytes(second)], [1, 2, 3]);
      const [answer] = await ask(s, "ack", data);
      assert.deepEqual(bytes(answer), data);
    }
  },

  async "bytes inside of objects both ways"() {
    const s = await connected();
    const [file] = await ask(s, "file", { name: "a.bin", parts: [Buffer.from("one"), Buffer.from("two")] });
    assert.equal(file.name, "a.bin");
    assert.equal(Buffer.from(bytes(file.whole)).toString(), "onetwo");
    assert.deepEqual(file.sizes, [3, 3]);
  },

  async "bytes and text do not overtake one another"() {
    const s = await connected();
    const back = until(s, "echo", 300);
    for (let i = 0; i < 300; i++) s.emit("echo", i, ...(i % 3 ? [] : [Buffer.from([i % 256])]));
    (await back).forEach((args, i) => {
      assert.equal(args[0], i);
      if (i % 3 === 0) assert.deepEqual([...bytes(args[1])], [i % 256]);
    });
  },

  async "the server is answered, with bytes too, while it handles an event"() {
    const s = await connected();
    s.on("question", (n, answer) => answer(n * 2, Buffer.from([n])));
    assert.deepEqual(await ask(s, "ask", 21), [42, 1, 21]);
  },

  async "the server's wait for an answer ends in time"() {
    const s = await connected();
    let answer;
    s.on("question", (n, f) => (answer = f));
    assert.deepEqual(await ask(s, "ask", 1), ["context deadline exceeded"]);
    answer("too late");
    assert.deepEqual(await ask(s, "ack", "still there"), ["still there"]);
  },

  async "the client's wait for an answer ends in time"() {
    const s = await connected();
    if (s.timeout) {
      await assert.rejects(new Promise((resolve, reject) => s.timeout(50).emit("silence", (e, x) => (e ? reject(e) : resolve(x)))), /timed out/);
    } else {
      s.emit("silence", () => assert.fail("answered"));
    }
    assert.deepEqual(await ask(s, "ack", 1), [1]);
  },

  async "heartbeats keep the session"() {
    const s = await connected();
    await upgraded(s);
    let closed;
    s.on("disconnect", (reason) => (closed = reason));
    let pings = 0;
    await new Promise((resolve) => s.io.engine.on("packet", (p) => p.type === "ping" && ++pings === 4 && resolve()));
    assert.deepEqual(await ask(s, "ack", 1), [1]);
    assert.equal(closed, undefined);
  },

  async "namespaces share a session"() {
    const m = manager();
    const main = await connected("/", {}, m);
    const other = await connected("/other", {}, m);
    assert.notEqual(main.id, other.id);
    assert.deepEqual(await ask(other, "where"), ["/other"]);
    assert.deepEqual(await ask(main, "ack", 1), [1]);
    other.disconnect();
    assert.deepEqual(await ask(main, "ack", 2), [2]);
    const again = once(other, "connect");
    other.connect();
    await again;
    assert.deepEqual(await ask(other, "where"), ["/other"]);
    assert.equal(main.connected, true);
  },

  async "a namespace that there is not"() {
    await assert.rejects(connected("/nowhere"), { message: "Invalid namespace" });
  },

  async "a refusal with data, and then the right token"() {
    const options = { auth: { token: "wrong" } };
    const s = socket("/secret", options);
    const refused = once(s, "connect_error");
    s.connect();
    const [e] = await refused;
    assert.equal(e.message, "not authorized");
    assert.deepEqual(e.data, { status: 401 });
    assert.equal(s.connected, false);
    s.auth = { token: "right" };
    const done = once(s, "connect");
    const hello = once(s, "hello");
    s.connect();
    await done;
    assert.deepEqual(await hello, ["right"]);
  },

  async "rooms"() {
    const [a, b, c] = await Promise.all([connected(), connected(), connected()]);
    const room = `room ${a.id}`;
    await ask(a, "join", room);
    await ask(b, "join", room);
    const heard = { a: [], b: [], c: [] };
    a.on("said", (x) => heard.a.push(x));
    b.on("said", (x) => heard.b.push(x));
    c.on("said", (x) => heard.c.push(x));
    await ask(c, "say", room, "to both");
    await ask(a, "say", room, "not to myself");
    await ask(b, "leave", room);
    await ask(c, "say", room, "to a");
    for (const s of [a, b, c]) await ask(s, "ack");
    assert.deepEqual(heard, { a: ["to both", "to a"], b: ["to both", "not to myself"], c: [] });
  },

  async "leaving, and what the server makes of it"() {
    const watcher = await connected();
    const s = await connected();
    const id = s.id;
    s.emit("echo", "the last word");
    s.disconnect();
    assert.deepEqual(await ask(watcher, "reason", id), ["client namespace disconnect"]);
    const t = await connected();
    const other = t.id;
    t.io.engine.close();
    const [reason] = await ask(watcher, "reason", other);
    assert.ok(["transport close", "transport error"].includes(reason), reason);
  },

  async "the server disconnects a socket"() {
    const watcher = await connected();
    const s = await connected();
    const id = s.id;
    const gone = once(s, "disconnect");
    s.emit("kick");
    assert.equal((await gone)[0], "io server disconnect");
    assert.deepEqual(await ask(watcher, "reason", id), ["server namespace disconnect"]);
    const back = once(s, "connect");
    s.connect();
    await back;
    assert.deepEqual(await ask(s, "ack", 1), [1]);
  },

  async "reconnects by itself when the session is closed"() {
    const s = await connected();
    for (let i = 0; i < 3; i++) {
      const id = s.id;
      const gone = once(s, "disconnect");
      const back = once(s, "connect");
      s.emit("drop");
      const [reason] = await gone;
      assert.ok(["transport close", "transport error"].includes(reason), reason);
      s.emit("echo", `while away ${i}`);
      const echo = once(s, "echo");
      await back;
      assert.notEqual(s.id, id);
      assert.deepEqual(await echo, [`while away ${i}`]);
    }
  },

  async "too large an event costs the session"() {
    const s = await connected("/", { reconnection: false });
    await upgraded(s);
    const gone = once(s, "disconnect");
    s.emit("echo", "x".repeat(1_100_000));
    const [reason] = await gone;
    assert.ok(["transport close", "transport error"].includes(reason), reason);
  },
};

for (const [name, run] of Object.entries(scenarios)) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("takes too long")), patience)));
  let error;
  try {
    await Promise.race([run(), late]);
  } catch (e) {
    error = String(e.stack ?? e);
  }
  clearTimeout(timer);
  for (const m of opened) {
    m.reconnection(false);
    m._close();
  }
  opened.clear();
  console.log(JSON.stringify({ name, error }));
}
process.exit(0);
