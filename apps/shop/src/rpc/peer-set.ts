import type { UpstreamMember } from "../discovery/upstream";
import type { ConnectionTimes } from "./connection";
import { addressOf, Peer } from "./peer";

/** The peers of one upstream and the order in which a call tries them. */
export class PeerSet {
  private peers = new Map<string, Peer>();

  constructor(private readonly times: ConnectionTimes) {}

  /** Takes the new list; peers that stay keep their connections, those that left close theirs after their last answer. */
  update(members: readonly UpstreamMember[]): void {
    const left = this.peers;
    this.peers = new Map();
    for (const member of members) {
      const address = addressOf(member);
      const peer = left.get(address) ?? new Peer(member, this.times);
      peer.member = member;
      this.peers.set(address, peer);
      left.delete(address);
    }
    for (const peer of left.values()) peer.retire();
  }

  /**
   * Each peer once, the most promising first: members in their turn, then backups, then those that have been failing,
   * because an attempt on one of them is worth more than a refusal without any.
   */
  *candidates(): Generator<Peer, void> {
    const untried = new Set([...this.peers.values()].filter(({ member }) => !member.down));
    while (untried.size > 0) {
      const now = Date.now();
      const rested = [...untried].filter((peer) => !peer.isResting(now));
      const members = rested.filter(({ member }) => !member.backup);
      const eligible = [members, rested, [...untried]].find((group) => group.length > 0)!;
      const peer = takeTurn(eligible);
      untried.delete(peer);
      peer.picked(now);
      yield peer;
    }
  }
}

/** Smooth weighted round robin, as nginx does it: a heavy peer's turns lie between the others', not in a row. */
function takeTurn(peers: readonly Peer[]): Peer {
  let next = peers[0]!;
  let total = 0;
  for (const peer of peers) {
    peer.credit += peer.member.weight;
    total += peer.member.weight;
    if (peer.credit > next.credit) next = peer;
  }
  next.credit -= total;
  return next;
}
