// As much of RFC 6455 as the mock needs: text frames out, small masked text frames in.
import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export function accept(request, socket, onMessage) {
  const key = createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
  let buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const frame = read(buffer);
      if (!frame) return;
      buffer = buffer.subarray(frame.size);
      if (frame.opcode === 8) socket.end();
      else if (frame.opcode === 1) onMessage(frame.payload.toString());
    }
  });
  socket.on('error', () => socket.destroy());
  return { send: (value) => socket.writable && socket.write(text(JSON.stringify(value))) };
}

function read(buffer) {
  if (buffer.length < 6) return null;
  const opcode = buffer[0] & 15;
  let length = buffer[1] & 127;
  let at = 2;
  if (length === 126) [length, at] = [buffer.readUInt16BE(2), 4];
  if (length === 127 || buffer.length < at + 4 + length) return null;
  const mask = buffer.subarray(at, at + 4);
  const payload = Buffer.from(buffer.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ mask[i % 4]));
  return { opcode, payload, size: at + 4 + length };
}

function text(string) {
  const body = Buffer.from(string);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : body.length < 65_536 ? Buffer.from([0x81, 126, body.length >> 8, body.length & 255]) : Buffer.concat([Buffer.from([0x81, 127]), big(body.length)]);
  return Buffer.concat([head, body]);
}

function big(n) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(n));
  return out;
}
