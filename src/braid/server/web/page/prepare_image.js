// A file that a person gave, as an image that a request can carry: JPEG, PNG or WebP of bounded size, so that neither
// the browser's store nor a request's body grows without need. Throws an ImageProblem whose message a person can read.

const kMaxSide = 2048;             // pixels; more are scaled down, which models do anyway
const kMaxKeptBytes = 4 << 20;     // more are encoded again
const kMaxPngBytes = 1 << 20;      // more become JPEG
const kMaxFileBytes = 64 << 20;
const kMaxPixels = 128 << 20;      // 512 MB once the browser has decoded it
const kJpegQuality = 0.92;

export class ImageProblem extends Error {}

// {blob, width, height}
export async function prepareImage(file) {
  if (file.size > kMaxFileBytes) throw new ImageProblem(`has ${megabytes(file.size)}; at most ${megabytes(kMaxFileBytes)} are taken`);
  const bytes = await bytesOf(file);
  const type = typeOf(new Uint8Array(bytes));
  const source = new Blob([bytes], {type: type ?? file.type});
  const address = URL.createObjectURL(source);
  try {
    const picture = await decoded(address);
    const {naturalWidth: width, naturalHeight: height} = picture;
    const longest = Math.max(width, height);
    if (type && longest <= kMaxSide && source.size <= kMaxKeptBytes) return {blob: source, width, height};
    return await encoded(picture, Math.min(1, kMaxSide / longest), type);
  } finally {
    URL.revokeObjectURL(address);
  }
}

// The type of a file that is sent as it is, by its first bytes: a file's name may be wrong.
export function typeOf(bytes) {
  const starts = (at, text) => [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  if (starts(0, '\xff\xd8\xff')) return 'image/jpeg';
  if (starts(0, '\x89PNG\r\n\x1a\n')) return 'image/png';
  if (starts(0, 'RIFF') && starts(8, 'WEBP')) return 'image/webp';
  return null;
}

// A copy: the file itself may be changed or removed later.
async function bytesOf(file) {
  let bytes;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    throw new ImageProblem('cannot be read');  // a folder, for example
  }
  if (bytes.byteLength === 0) throw new ImageProblem('is empty');
  return bytes;
}

async function decoded(address) {
  const picture = new Image();
  const loaded = new Promise((resolve, reject) => {
    picture.onload = resolve;
    picture.onerror = reject;
  });
  picture.src = address;
  try {
    await loaded;  // its header is read
  } catch {
    throw new ImageProblem('is not an image that this browser can read');
  }
  const {naturalWidth: width, naturalHeight: height} = picture;
  if (width * height > kMaxPixels) throw new ImageProblem(`has ${width} × ${height} pixels; at most ${kMaxPixels >> 20} million are taken`);
  if (width * height === 0) throw new ImageProblem('has no pixels');
  try {
    await picture.decode();
  } catch {
    throw new ImageProblem('is damaged');
  }
  return picture;
}

// Photographs become JPEG; drawings stay sharp as PNG, unless that is large.
async function encoded(picture, scale, type) {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const {width, height} = canvas;
  if (type !== 'image/jpeg') {
    const blob = await canvasBlob(canvas, 'image/png');
    if (blob.size <= kMaxPngBytes) return {blob, width, height};
  }
  context.globalCompositeOperation = 'destination-over';  // JPEG has no transparency: what is behind becomes white
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  return {blob: await canvasBlob(canvas, 'image/jpeg', kJpegQuality), width, height};
}

function canvasBlob(canvas, type, quality) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new ImageProblem('is too large for this browser'))), type, quality);
  });
}

function megabytes(bytes) {
  return `${Math.ceil(bytes / (1 << 20))} MB`;
}
