// Which screen a path is.

export interface Match {
  screen: 'overview' | 'traces' | 'trace' | 'llm' | 'connect' | 'missing';
  id: string;
}

export function matchPath(path: string): Match {
  const parts = path.split('/').filter(Boolean);
  const is = (screen: Match['screen'], id = ''): Match => ({ screen, id });
  if (parts.length === 0) return is('overview');
  if (parts.length === 1 && (parts[0] === 'traces' || parts[0] === 'llm' || parts[0] === 'connect')) return is(parts[0]);
  if (parts.length === 2 && parts[0] === 'traces' && /^[0-9a-f]{1,32}$/i.test(parts[1])) return is('trace', parts[1].toLowerCase().padStart(32, '0'));
  return is('missing');
}
