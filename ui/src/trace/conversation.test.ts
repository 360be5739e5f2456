import { describe, expect, it } from 'vitest';
import type { LlmMessage } from '../api/shapes';
import { asJson, messages, turn } from './conversation';
import { fold } from './fold';

const part = (direction: LlmMessage['direction'], idx: number, content: string, over: Partial<LlmMessage> = {}): LlmMessage => ({ direction, idx, part: 0, role: '', kind: 'text', content, ...over });

describe('messages', () => {
  it('joins parts, sorts directions, names who spoke', () => {
    const list = messages([part('output', 0, 'answer'), part('output', 0, '{}', { part: 1, kind: 'tool_call', tool_name: 't' }), part('input', 1, 'two'), part('input', 0, 'one', { role: 'user' }), part('system', 0, 'be kind')]);
    expect(list.map((message) => [message.role, message.parts.map((one) => one.content).join('+')])).toEqual([
      ['system', 'be kind'], ['user', 'one'], ['user', 'two'], ['assistant', 'answer+{}'],
    ]);
  });

  it('shows of a turn only what is new', () => {
    const first = messages([part('system', 0, 's'), part('input', 0, 'q', { role: 'user' }), part('output', 0, 'a', { role: 'assistant' })]);
    const second = messages([part('system', 0, 's'), part('input', 0, 'q', { role: 'user' }), part('input', 1, 'a', { role: 'assistant' }), part('input', 2, 'q2', { role: 'user' }), part('output', 0, 'a', { role: 'assistant' })]);
    const added = turn(first, second);
    expect(added.fresh.map((message) => message.parts[0].content)).toEqual(['q2', 'a']);
    expect([added.repeated, added.systemChanged]).toEqual([3, false]);
    expect(turn(first, messages([part('system', 0, 'other')])).systemChanged).toBe(true);
    expect(turn(null, first).fresh.length).toBe(3);
  });
});

it('reads JSON only where it is JSON', () => {
  expect([asJson('{"a":1}'), asJson('{broken'), asJson('12'), asJson(' [1]')]).toEqual(['{\n  "a": 1\n}', null, null, '[\n  1\n]']);
});

it('folds by lines, then by characters, never for a few lines', () => {
  expect(fold('a\n'.repeat(20))).toBeNull();
  expect(fold('a\n'.repeat(100))!.lines).toBe(101);
  expect(fold('x'.repeat(10_000))!.head.length).toBeLessThan(2_500);
  expect(fold('short')).toBeNull();
});
