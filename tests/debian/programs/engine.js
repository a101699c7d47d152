// What node brings along: optimising compiler and its bail-outs, garbage collection, WebAssembly, workers, child
// processes, files, sockets.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const childProcess = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const zlib = require('zlib');

function mix(seed, rounds) {
  let sum = seed;
  for (let i = 0; i < rounds; i++) sum = (Math.imul(sum, 31) + i) | 0;
  return sum;
}

if (!isMainThread) {
  const cells = new Int32Array(workerData.shared);
  for (let i = 0; i < 20000; i++) Atomics.add(cells, 0, 1);
  parentPort.postMessage(mix(workerData.number, 3e6));
}

function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

function bailouts() {             // one shape, then another: optimised code is thrown away and made again
  const add = (pair) => pair.a + pair.b;
  let sum = 0;
  for (let i = 0; i < 300000; i++) sum += add(i % 1000 === 999 ? { b: 1.5, a: i } : { a: i, b: 2 });
  let text = 0;
  for (let i = 0; i < 100000; i++) text += String(add(i % 100 === 99 ? { a: 'x', b: i } : { a: i, b: 1 })).length;
  return [sum, text];
}

function garbage() {
  let keep = [];
  for (let i = 0; i < 400000; i++) {
    keep.push({ i, name: 'x' + i });
    if (keep.length > 5000) keep = keep.slice(2500);
  }
  return [keep.length, keep[keep.length - 1].name];
}

function floats() {
  const f = new Float64Array(50000);
  for (let k = 0; k < 10; k++)
    for (let i = 0; i < f.length; i++) f[i] = Math.sin(i) * k + f[i] / 3;
  return [f.reduce((a, b) => a + b).toFixed(6), (-7.9) | 0, 4294967301.5 | 0, NaN | 0, -1e300 | 0, 2 ** 31 | 0];
}

// (module (func (export "fib") (param i32) (result i32) (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) ...
const FIB = [0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 102, 105, 98, 0, 0, 10, 30, 1, 28, 0,
             32, 0, 65, 2, 72, 4, 127, 32, 0, 5, 32, 0, 65, 1, 107, 16, 0, 32, 0, 65, 2, 107, 16, 0, 106, 11, 11];
// (module (memory 1) (func (export "at") (param i32) (result i32) (i32.load (local.get 0)))): out of bounds is a signal
const LOAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 6, 1, 2, 97, 116, 0, 0, 10, 9, 1, 7,
              0, 32, 0, 40, 2, 0, 11];

function wasm() {
  const make = (bytes) => new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports;
  const at = make(LOAD).at;
  let traps = 0;
  for (let i = 0; i < 200; i++) {
    try { at(i % 2 ? 65533 : 65532); } catch (error) { traps += error instanceof WebAssembly.RuntimeError; }
  }
  return [make(FIB).fib(27), traps];
}

function workers(count, done) {
  const shared = new SharedArrayBuffer(4), results = [];
  for (let number = 0; number < count; number++)
    new Worker(__filename, { workerData: { number, shared } }).on('message', (result) => {
      results.push(result);
      if (results.length === count) done(results.sort((a, b) => a - b), new Int32Array(shared)[0]);
    });
}

function main() {
  const same = (a, b) => (a.length === b.length && a.every((x, i) => x === b[i]));
  console.log(fib(27), ...bailouts());
  console.log(...garbage(), ...floats());
  console.log(String(10n ** 40n % 1234567891234567n), /(\d+)-(?<word>\w+)/.exec('abc 123-foo').groups.word);
  console.log('wasm', ...wasm());
  console.log(crypto.createHash('sha256').update('abc').digest('hex').slice(0, 16),
              zlib.gunzipSync(zlib.gzipSync('hello '.repeat(1000))).length);
  console.log('child', childProcess.execFileSync(process.execPath, ['-p', 'process.arch === ' + JSON.stringify(process.arch)]).toString().trim());
  workers(4, (results, count) => {
    console.log('workers', same(results, [0, 1, 2, 3].map((n) => mix(n, 3e6)).sort((a, b) => a - b)), count);
    fs.promises.readFile(__filename).then((text) => {
      console.log('file', text.length > 1000);
      const server = net.createServer((c) => c.end('pong')).listen(0, '127.0.0.1', () => {
        net.connect(server.address().port).on('data', (data) => console.log(data.toString())).on('close', () => server.close());
      });
    });
  });
}

if (isMainThread) main();
