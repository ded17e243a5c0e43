// CloudWatch's filter patterns, as far as ours go, so that they can be held against lines of the log: a phrase in quotes, with another that must not be there, a word, a
// regular expression between %, columns in [], conditions on JSON in {}. What CloudWatch would refuse is refused.

const allowed = /^[A-Za-z0-9_#=@/;,\-^$?[\]{}|\\*+.]*$/;

function regexOf(pattern: string): RegExp {
  const text = pattern.slice(1, -1);
  if (!allowed.test(text)) throw new Error(`CloudWatch knows no such regular expression: ${text}`);
  return new RegExp(text);
}

export function hasRegex(pattern: string): boolean {
  return /%.*%/.test(pattern);
}

/** Columns: what stands between " or [ and ] is one. */
function columnsOf(line: string): string[] {
  return line.match(/\[[^\]]*\]|"[^"]*"|\S+/g)?.map((c) => c.replace(/^[["]|[\]"]$/g, '')) ?? [];
}

function columns(pattern: string, line: string): Record<string, string> | undefined {
  const found = columnsOf(line);
  const wanted = pattern.slice(1, -1).split(',').map((w) => /^\s*(\w+)(?:="([^"]*)")?\s*$/.exec(w)!);
  if (found.length !== wanted.length) return undefined;
  if (!wanted.every(([, , value], i) => value === undefined || value === found[i])) return undefined;
  return Object.fromEntries(wanted.map(([, name], i) => [`$${name}`, found[i]]));
}

function json(pattern: string, line: string): boolean {
  let of: any;
  try {
    of = JSON.parse(line);
  } catch {
    return false;
  }
  const script = pattern.slice(1, -1).replace(/\$\.(\w+) = (\S+?)(?=[\s)]|$)/g, (_, key, value) => `(of[${JSON.stringify(key)}] === ${value})`);
  return Boolean(new Function('of', `return ${script};`)(of));
}

export function matches(pattern: string, line: string): boolean {
  if (pattern.startsWith('%')) return regexOf(pattern).test(line);
  if (pattern.startsWith('[')) return columns(pattern, line) !== undefined;
  if (pattern.startsWith('{')) return json(pattern, line);
  const [wanted, unwanted] = pattern.split(' -').map((term) => term.replace(/^"|"$/g, ''));
  return line.includes(wanted) && !(unwanted !== undefined && line.includes(unwanted));
}

/** The value that a pattern in columns takes out of a line. */
export function valueOf(pattern: string, value: string, line: string): number | undefined {
  const found = columns(pattern, line)?.[value];
  return found === undefined ? undefined : Number(found);
}
