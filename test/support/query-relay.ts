import { connect, createServer, type Socket } from "node:net";

/** A way to a server that listens on it. */
export interface QueryRelay {
  readonly port: number;
  /** Texts of the simple queries that passed so far, in order. */
  readonly queries: readonly string[];
  close(): void;
}

/** Passes bytes on to `port` of this machine and notes the simple queries (message `Q`) that clients send. */
export async function queryRelay(port: number): Promise<QueryRelay> {
  const queries: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) socket.on("error", () => {}); // cut by the other side
    sockets.push(near, far);
    near.on(
      "data",
      queryReader((text) => queries.push(text)),
    );
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    queries,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const LENGTH_BYTES = 4;

/** Reads a client's messages: the first has no type, each other one has a byte of it, then its length. */
function queryReader(onQuery: (text: string) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let typeBytes = 0;
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= typeBytes + LENGTH_BYTES) {
      const end = typeBytes + rest.readUInt32BE(typeBytes);
      if (rest.length < end) return;
      if (typeBytes === 1 && rest.toString("latin1", 0, 1) === "Q") {
        onQuery(rest.toString("utf8", typeBytes + LENGTH_BYTES, end - 1));
      }
      rest = rest.subarray(end);
      typeBytes = 1;
    }
  };
}
