// Guards the tokens: text must be readable on every surface, service colours must differ for every eye and stay clear of
// the red of errors. The colours are read from tokens.css, so this is the file to run after changing one.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type Rgb = [number, number, number];

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const tokens = new Map([...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map((match) => [match[1], [match[2], match[3]]]));
const color = (name: string, theme: number): Rgb => linear(tokens.get(name)![theme]);

function linear(hex: string): Rgb {
  return [1, 3, 5].map((at) => {
    const v = parseInt(hex.slice(at, at + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

function contrast(a: Rgb, b: Rgb): number {
  const luminance = ([r, g, bl]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * bl + 0.05;
  const [x, y] = [luminance(a), luminance(b)];
  return Math.max(x, y) / Math.min(x, y);
}

/** OKLab, for distances that match what eyes say. */
function lab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

/** Machado's matrices for full protanopia, deuteranopia and tritanopia, and the usual eye. */
const EYES: Record<string, number[][]> = {
  usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const seenBy = (eye: number[][], rgb: Rgb) => eye.map((row) => Math.min(1, Math.max(0, row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]))) as Rgb;
const distance = (a: Rgb, b: Rgb) => 100 * Math.hypot(...lab(a).map((v, i) => v - lab(b)[i]));

describe.each([['light', 0], ['dark', 1]] as const)('%s theme', (_name, theme) => {
  it.each(['text', 'muted', 'faint', 'accent', 'danger', 'warn', 'ok'])('%s reads on every surface', (name) => {
    for (const surface of ['bg', 'surface', 'raised', 'wash']) {
      if (name !== 'text' && name !== 'muted' && surface === 'wash') continue;
      expect(contrast(color(name, theme), color(surface, theme)), `${name} on ${surface}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('text on the accent reads, and borders of controls can be seen', () => {
    expect(contrast(color('on-accent', theme), color('accent', theme))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(color('control', theme), color('surface', theme))).toBeGreaterThanOrEqual(3);
  });

  it('services can be told apart by every eye', () => {
    const services = Array.from({ length: 8 }, (_, i) => color(`s${i}`, theme));
    for (const [eye, matrix] of Object.entries(EYES)) {
      services.forEach((a, i) => {
        services.slice(i + 1).forEach((b, k) => expect(distance(seenBy(matrix, a), seenBy(matrix, b)), `s${i} and s${i + 1 + k}, ${eye}`).toBeGreaterThanOrEqual(6));
      });
    }
    services.forEach((a, i) => {
      expect(contrast(a, color('raised', theme)), `s${i}`).toBeGreaterThanOrEqual(3);
      expect(distance(a, color('danger', theme)), `s${i} and danger`).toBeGreaterThanOrEqual(10);
    });
  });
});
