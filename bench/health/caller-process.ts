// A process of its own that asks for an address at a steady rate. It shares the machine with the application, so it does
// next to nothing per call: one socket, a request made once, and of an answer only its status and its length are read.
import { connect } from "node:net";
import type { Asked, Order } from "./caller.ts";

const HEADER_END = "\r\n\r\n";

process.on("message", (order: Order) => {
  ask(order).then(
    (asked) => process.send?.(asked),
    (error: unknown) => {
      process.stderr.write(`the caller failed: ${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit());

/** Sends every call at its own moment, whether the one before was answered or not; answers come in the same order. */
function ask({ url, token, seconds, callsPerSecond }: Order): Promise<Asked> {
  const { hostname, port, pathname } = new URL(url);
  const request = Buffer.from(
    `GET ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\n\r\n`,
  );
  const { promise, resolve, reject } = Promise.withResolvers<Asked>();
  const calls = seconds * callsPerSecond;
  const sentAt: number[] = [];
  const milliseconds: number[] = [];
  let refused = 0;
  const cpuBefore = process.cpuUsage();

  const noteAnswer = (isGood: boolean) => {
    milliseconds.push(performance.now() - (sentAt[milliseconds.length] ?? Number.NaN));
    if (!isGood) refused += 1;
    if (milliseconds.length < calls) return;
    const { user, system } = process.cpuUsage(cpuBefore);
    socket.destroy();
    resolve({ milliseconds: milliseconds.sort((a, b) => a - b), refused, cpuMs: (user + system) / 1000 });
  };
  const socket = connect(Number(port), hostname, () => {
    socket.setNoDelay(true);
    const start = performance.now();
    const sendDue = () => {
      while (sentAt.length < calls) {
        const earlyMs = start + (sentAt.length * 1000) / callsPerSecond - performance.now();
        if (earlyMs > 0.5) {
          setTimeout(sendDue, earlyMs);
          return;
        }
        sentAt.push(performance.now());
        socket.write(request);
      }
    };
    sendDue();
  });
  socket.on("data", answerReader(noteAnswer));
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the application closed the connection")));
  return promise;
}

/** Reads answers from pieces of a stream: the status and the length of each, and nothing else. */
function answerReader(onAnswer: (isGood: boolean) => void): (piece: Buffer) => void {
  let begun: Buffer = Buffer.alloc(0);
  let isGood = false;
  let bodyLeft = 0;
  return (next) => {
    const piece = begun.length === 0 ? next : Buffer.concat([begun, next]);
    begun = Buffer.alloc(0);
    let at = 0;
    while (at < piece.length) {
      if (bodyLeft === 0) {
        const end = piece.indexOf(HEADER_END, at, "latin1");
        if (end === -1) {
          begun = piece.subarray(at);
          return;
        }
        const header = piece.toString("latin1", at, end);
        isGood = header.startsWith("HTTP/1.1 200 ");
        bodyLeft = Number(/\r\ncontent-length: (\d+)/i.exec(header)?.[1]);
        if (!(bodyLeft > 0)) throw new Error("an answer says no length");
        at = end + HEADER_END.length;
      }
      const read = Math.min(bodyLeft, piece.length - at);
      at += read;
      bodyLeft -= read;
      if (bodyLeft === 0) onAnswer(isGood);
    }
  };
}
