// A GGUF file of a model at Q4_K_M, without its weights.
import { tensors } from "./harness.mjs";

const ALIGNMENT = 32n;
// The numbers of ggml's types, of those that the mix has.
const TYPES = { F32: 0, Q5_0: 6, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14 };

const u32 = (n) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
};
const u64 = (n) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(n));
  return bytes;
};
const text = (words) => Buffer.concat([u64(Buffer.byteLength(words)), Buffer.from(words)]);

/** The header of a model's GGUF file as a converter writes it, and the size of the whole file. The numbers in it are those of Qwen2.5-72B. */
export function gguf(id) {
  const { arch, tensors: list } = tensors(id, "Q4_K_M");
  const whole = (key, n) => Buffer.concat([text(`${arch}.${key}`), u32(4), u32(n)]);
  const pairs = [
    Buffer.concat([text("general.architecture"), u32(8), text(arch)]),
    whole("block_count", 80),
    whole("embedding_length", 8192),
    whole("attention.head_count", 64),
    whole("attention.head_count_kv", 8),
    whole("context_length", 32768),
    // A tokenizer of some megabytes, which is read over.
    Buffer.concat([
      text("tokenizer.ggml.tokens"), u32(9), u32(8), u64(150000),
      Buffer.concat(Array.from({ length: 150000 }, (_, n) => text(`token ${n}`))),
    ]),
  ];
  let offset = 0n;
  const infos = list.map(({ name, shape, type, bytes }) => {
    const info = Buffer.concat([
      text(name), u32(shape.length), ...shape.map(u64), u32(TYPES[type]), u64(offset),
    ]);
    offset += ((BigInt(bytes) + ALIGNMENT - 1n) / ALIGNMENT) * ALIGNMENT;
    return info;
  });
  const header = Buffer.concat([
    Buffer.from("GGUF"), u32(3), u64(list.length), u64(pairs.length), ...pairs, ...infos,
  ]);
  const bytes = list.reduce((sum, tensor) => sum + tensor.bytes, 0);
  return { header, bytes, size: Math.ceil(header.length / 32) * 32 + Number(offset) };
}
