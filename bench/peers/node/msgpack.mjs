// The msgpack that Depot's functions take and give. Bytes are strings of characters up to 255
// ("latin1"), so that pieces are joined as text and copied once.

const byte = String.fromCharCode;
const head = (value, bytes) => {
  let out = '';
  for (let i = bytes - 1; i >= 0; --i) out += byte(Math.floor(value / 256 ** i) % 256);
  return out;
};

// null, whole numbers from 0 on, strings, arrays of at most 15.
export function encode(value) {
  if (typeof value === 'string') {
    if (value.length < 32) return byte(0xa0 + value.length) + value;
    if (value.length < 256) return `\xd9${byte(value.length)}${value}`;
    return `\xda${head(value.length, 2)}${value}`;
  }
  if (typeof value === 'number') {
    if (value < 128) return byte(value);
    if (value < 65536) return `\xcd${head(value, 2)}`;
    return value < 2 ** 32 ? `\xce${head(value, 4)}` : `\xcf${head(value, 8)}`;
  }
  return value === null ? '\xc0' : byte(0x90 + value.length) + value.map(encode).join('');
}

// The value that begins at `at`.
export function decode(buffer, at = 0) {
  const string = (size) => buffer.latin1Slice(at, at += size);
  const number = (size) => buffer.readUIntBE((at += size) - size, size);
  const array = (size) => Array.from({ length: size }, value);

  function value() {
    const first = buffer[at++];
    if (first < 0x80) return first;
    if (first >= 0x90 && first < 0xa0) return array(first - 0x90);
    if (first >= 0xa0 && first < 0xc0) return string(first - 0xa0);
    switch (first) {
      case 0xc0: return null;
      case 0xcc: return number(1);
      case 0xcd: return number(2);
      case 0xce: return number(4);
      case 0xcf: at += 2; return number(6); // Ours are below 2^48.
      case 0xd9: return string(number(1));
      case 0xda: return string(number(2));
      case 0xdc: return array(number(2));
      default: throw new Error(`msgpack: byte ${first} is not one of ours`);
    }
  }
  return value();
}
