// Numbers, times and Markdown as people read them.
import { describe, expect, it } from 'vitest';
import { exact, millis, nanos, stamp, tickLabel, timeStep } from './instant';
import { inline, markdown } from './markdown';
import { count, duration, money, parseDuration, percent, short } from './units';

describe('units', () => {
  it.each([
    [null, '—'], [0, '0'], [1, '1 ns'], [999, '999 ns'], [1_230, '1.23 µs'], [23_000, '23.0 µs'], [999_499, '999 µs'], [21_500_000, '21.5 ms'], [995_000_000, '995 ms'],
    [16_020_000_000, '16.02 s'], [125e9, '2 m 05 s'], [3_720e9, '1 h 02 m'], [-5e6, '−5.00 ms'],
  ])('duration %s is %s', (ns, text) => expect(duration(ns)).toBe(text));

  it.each([
    [null, '—'], [0, '$0.00'], [6_630_000_000_000, '$6.63'], [12_345_670_000_000_000, '$12\u202f345.67'], [52_000_000_000, '$0.052'], [320_000_000, '$0.00032'], [1, '<$0.000001'],
  ])('%s pico-USD are %s', (pusd, text) => expect(money(pusd)).toBe(text));

  it.each([
    ['250ms', 250e6], ['1.5 s', 1.5e9], ['90', 90e6], ['10us', 10e3], ['2m', 120e9], ['', null], ['fast', null], ['-3ms', null],
  ])('typed duration %j', (text, ns) => expect(parseDuration(text)).toBe(ns));

  it('counts', () => {
    expect(count(1_234_567)).toBe('1\u202f234\u202f567');
    expect([9_999, 12_345, 4_140_000, 250e6, null].map(short)).toEqual(['9\u202f999', '12.3\u202fk', '4.14\u202fM', '250\u202fM', '—']);
    expect([percent(1, 2_000), percent(0, 5), percent(1, 3), percent(1, 0)]).toEqual(['<0.1 %', '0 %', '33 %', '—']);
  });
});

describe('instants', () => {
  it('keeps every digit and prints the zone', () => {
    expect(stamp('1795251012482123456', 'utc')).toBe('2026-11-21 08:50:12.482');
    expect(exact('1795251012482123456', 'utc')).toBe('2026-11-21T08:50:12.482123456Z');
    expect(exact('1795251012482123456', 'local')).toMatch(/[+−]\d\d:\d\d$/);
    expect(nanos(millis('1795251012482000000'))).toBe('1795251012482000000');
  });
  it('labels ticks by their step', () => {
    const noon = Date.UTC(2026, 10, 21, 12, 30, 5, 250);
    expect([10, 1_000, 60_000, 86_400_000].map((step) => tickLabel(noon, step, 'utc'))).toEqual(['12:30:05.250', '12:30:05', '12:30', '11-21']);
    expect(timeStep(3_600_000, 8)).toBe(600_000);
  });
});

describe('markdown', () => {
  it.each([
    ['# One', ['heading']],
    ['a\nb\n\nc', ['paragraph', 'paragraph']],
    ['```sql\nselect 1\n```\nafter', ['code', 'paragraph']],
    ['```\nnever closed', ['code']],
    ['> quoted\n> more', ['quote']],
    ['- a\n- b\n\n1. c', ['list', 'list']],
    ['| a | b |\n|---|---|\n| 1 | 2 |', ['table']],
    ['---', ['rule']],
    ['', []],
  ])('%j has blocks %j', (text, types) => expect(markdown(text).map((block) => block.type)).toEqual(types));

  it.each([
    ['**a** _b_ `c` ~~d~~', ['strong', 'text', 'em', 'text', 'code', 'text', 'strike']],
    ['[x](https://example.com)', ['link']],
    ['[x](javascript:alert(1))', ['text', 'text']],
    ['![x](https://example.com/pixel.png)', ['text']],
    ['<img src=x onerror=alert(1)>', ['text']],
    ['2 * 3 * 4, snake_case_name', ['text']],
  ])('%j reads as %j', (text, types) => expect(inline(text).map((one) => one.type)).toEqual(types));

  it('stays quick on hostile text', () => {
    for (const bomb of ['**a '.repeat(5_000), '['.repeat(20_000), '> '.repeat(5_000), '- '.repeat(3_000), '`'.repeat(9_999), '_a'.repeat(9_000)]) {
      expect(markdown(bomb).length).toBeGreaterThan(0);
    }
  });
});
