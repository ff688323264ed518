// The vote of an episode, as far as its log shows it: last answers of branches, by what has become of each branch.

/**
 * Return a row for each answer after a step: the most votes first, then answers of pruned branches alone.
 *
 * `votes` counts the branches that are not pruned whose last answer was this one: `finished` of them have ended, at a mean
 * `depth` in intervals, `running` ones have not. `pruned` counts pruned branches. `share` is of all votes, in per cent.
 */
export function tally(episode, step) {
  const rows = new Map(), done = (at) => at >= 0 && at <= step;
  for (const branch of episode.branches) {
    const last = branch.seen.findLastIndex(done);
    if (last < 0) continue;
    const answer = branch.cells[last];
    if (!rows.has(answer)) rows.set(answer, { answer, finished: 0, running: 0, pruned: 0, depths: 0 });
    const row = rows.get(answer);
    if (done(branch.pruned)) row.pruned++;
    else if (done(branch.ended)) { row.finished++; row.depths += branch.cells.length; }
    else row.running++;
  }
  const all = [...rows.values()].map((row) => ({ ...row, votes: row.finished + row.running, depth: row.finished ? row.depths / row.finished : null }));
  const sum = all.reduce((n, row) => n + row.votes, 0);
  return all.map((row) => ({ ...row, share: sum ? (100 * row.votes) / sum : 0 })).sort((a, b) => b.votes - a.votes);
}

/** Return a sentence: whether the answer given is that of the majority, or follows from the controller's own weights. */
export function verdict(episode, rows, word) {
  const cast = rows.filter((row) => row.answer && row.votes), most = Math.max(0, ...cast.map((row) => row.votes));
  if (!episode.answer) return "The controller gave no answer.";
  const given = cast.find((row) => row.answer === episode.answer)?.votes ?? 0;
  if (!most) return "No branch has a vote; the answer given came from elsewhere in the episode.";
  if (given < most) return `The most votes (${most}) are for ${word(cast.find((row) => row.votes === most).answer)}, but the controller gave ${word(episode.answer)} (${given}): its own weights or rules decided.`;
  return cast.filter((row) => row.votes === most).length > 1 ? `The answer given, ${word(episode.answer)}, has the most votes (${most}), as have others: the order of the votes, or weights, decided.` : `The answer given, ${word(episode.answer)}, has the most votes (${most}): a plain majority gives the same.`;
}
