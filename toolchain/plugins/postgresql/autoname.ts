import { createHash, randomBytes } from "node:crypto";

const SUFFIX_LENGTH = 7;
const HEX = "0123456789abcdef";
/** "expand 32-byte k", the constant of the ChaCha state. */
const CONSTANT = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
const COLUMNS_AND_DIAGONALS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/**
 * The name for a resource that the program does not name: the resource's own name and seven hex digits.
 * The engine's seed makes it the same in preview and update; the digits are those that the engine's own generator
 * (ChaCha8 over the SHA-256 of the seed) gives, so both plugins make up the same name.
 */
export function automaticName(resourceName: string, randomSeed: Uint8Array): string {
  const seed = randomSeed.length > 0 ? randomSeed : randomBytes(32);
  const key = createHash("sha256").update(seed).digest();
  // The generator interleaves four blocks; as 16 divides 2^32 a digit is the lowest half byte of a 64-bit draw,
  // and those come from the blocks 0 and 2 in turn.
  const blocks = [chacha8(key, 0), chacha8(key, 2)];
  let suffix = "";
  for (let draw = 0; draw < SUFFIX_LENGTH; draw++) {
    const word = blocks[draw % 2]?.[Math.floor(draw / 2)] ?? 0;
    suffix += HEX[word & 15];
  }
  return `${resourceName}-${suffix}`;
}

/** The first four words of a ChaCha8 block (constants and counter are not added back by this generator). */
function chacha8(key: Buffer, counter: number): Uint32Array {
  const state = new Uint32Array(16);
  state.set(CONSTANT);
  for (let i = 0; i < 8; i++) state[4 + i] = key.readUInt32LE(4 * i);
  state[12] = counter;
  for (let doubleRound = 0; doubleRound < 4; doubleRound++) {
    for (const [a, b, c, d] of COLUMNS_AND_DIAGONALS) {
      mix(state, a, b, d, 16);
      mix(state, c, d, b, 12);
      mix(state, a, b, d, 8);
      mix(state, c, d, b, 7);
    }
  }
  return state.subarray(0, 4);
}

/** x += y; z = rotate(z xor x). */
function mix(state: Uint32Array, x: number, y: number, z: number, bits: number): void {
  state[x] = (state[x] ?? 0) + (state[y] ?? 0);
  const mixed = (state[z] ?? 0) ^ (state[x] ?? 0);
  state[z] = (mixed << bits) | (mixed >>> (32 - bits));
}
