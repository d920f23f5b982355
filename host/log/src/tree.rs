//! The Merkle tree of RFC 9162: hashing, the compact range, and proofs made and checked.

use fonds_model::Digest;
use sha2::{Digest as _, Sha256};

/// A complete subtree of `2^level` leaves: the `index`th of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u8,
    /// From 0, left to right.
    pub index: u64,
}

/// A leaf's hash, SHA-256(0x00 ‖ header) (RFC 9162 §2.1.1).
#[must_use]
pub fn leaf_hash(header: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update([0]).chain_update(header).finalize().into())
}

/// An inner node's hash, SHA-256(0x01 ‖ left ‖ right) (RFC 9162 §2.1.1).
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Digest {
    Digest(Sha256::digest(b"").into())
}

/// The roots of the complete subtrees that make up a tree, largest first: all that is needed to append and to know the
/// root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    nodes: Vec<Digest>,
}

impl CompactRange {
    /// The range of a tree, from the hashes of [`peaks`] of its size; `None` when their number is wrong.
    #[must_use]
    pub fn from_peaks(size: u64, nodes: Vec<Digest>) -> Option<Self> {
        (nodes.len() == size.count_ones() as usize).then_some(Self { size, nodes })
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf's hash and tells `made` of every subtree that became complete, the leaf first.
    pub fn push(&mut self, leaf: Digest, mut made: impl FnMut(Node, Digest)) {
        let mut hash = leaf;
        let mut node = Node { level: 0, index: self.size };
        made(node, hash);
        while node.index & 1 == 1 {
            let Some(left) = self.nodes.pop() else { break };
            hash = node_hash(&left, &hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
            made(node, hash);
        }
        self.nodes.push(hash);
        self.size += 1;
    }

    /// The root of the tree as it is.
    #[must_use]
    pub fn root(&self) -> Digest {
        join(&self.nodes).unwrap_or_else(empty_root)
    }
}

/// The hash over complete subtrees that stand side by side, largest first.
fn join(nodes: &[Digest]) -> Option<Digest> {
    let (last, rest) = nodes.split_last()?;
    Some(rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}

/// The complete subtrees that make up a tree of that size, largest first.
#[must_use]
pub fn peaks(size: u64) -> Vec<Node> {
    subtrees(0, size)
}

/// The complete subtrees that make up `[low, high)`, where `low` is a multiple of the largest of them.
fn subtrees(mut low: u64, high: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    while low < high {
        let level = (high - low).ilog2();
        nodes.push(Node { level: level as u8, index: low >> level });
        low += 1 << level;
    }
    nodes
}

/// The largest power of two below `n`, for n ≥ 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// What a proof is made of, hash by hash: each is the hash over the subtrees of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan(Vec<Vec<Node>>);

impl Plan {
    /// The inclusion proof of a leaf (RFC 9162 §2.1.3.1); `None` when the tree has no such leaf.
    #[must_use]
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let (mut low, mut high, mut parts) = (0, size, Vec::new());
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                parts.push(subtrees(middle, high));
                high = middle;
            } else {
                parts.push(subtrees(low, middle));
                low = middle;
            }
        }
        parts.reverse();
        Some(Self(parts))
    }

    /// The consistency proof between two sizes (RFC 9162 §2.1.4.1); empty from 0; `None` when `old` is the larger.
    #[must_use]
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        if old > new {
            return None;
        }
        if old == 0 {
            return Some(Self(Vec::new()));
        }
        let (mut low, mut high, mut parts) = (0, new, Vec::new());
        while old != high {
            let middle = low + split(high - low);
            if old <= middle {
                parts.push(subtrees(middle, high));
                high = middle;
            } else {
                parts.push(subtrees(low, middle));
                low = middle;
            }
        }
        if low > 0 {
            parts.push(subtrees(low, high));
        }
        parts.reverse();
        Some(Self(parts))
    }

    /// The nodes whose hashes it needs.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        self.0.iter().flatten().copied().collect()
    }

    /// The proof, from the hashes of [`Plan::nodes`] in the same order; `None` when some are missing.
    #[must_use]
    pub fn fill(&self, mut hashes: &[Digest]) -> Option<Vec<Digest>> {
        let mut proof = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            let (these, rest) = hashes.split_at_checked(part.len())?;
            proof.push(join(these)?);
            hashes = rest;
        }
        Some(proof)
    }
}

/// Whether a leaf's hash stands at `index` in the tree with that size and root (RFC 9162 §2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for part in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(part, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, part);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether the tree of `old` leaves is the beginning of the one of `new` leaves (RFC 9162 §2.1.4.2).
#[must_use]
pub fn verify_consistency(old: u64, new: u64, old_root: &Digest, new_root: &Digest, proof: &[Digest]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return false,
        }
    };
    let shift = (old - 1).trailing_ones();
    let (mut at, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut from_old, mut from_new) = (first, first);
    for part in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            from_old = node_hash(part, &from_old);
            from_new = node_hash(part, &from_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, part);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// MTH as RFC 9162 §2.1.1 writes it.
    fn plain_root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                node_hash(&plain_root(&leaves[..k]), &plain_root(&leaves[k..]))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|n| leaf_hash(n.to_string().as_bytes())).collect()
    }

    fn grown(leaves: &[Digest]) -> (CompactRange, HashMap<Node, Digest>) {
        let (mut range, mut nodes) = (CompactRange::default(), HashMap::new());
        for leaf in leaves {
            range.push(*leaf, |node, hash| {
                nodes.insert(node, hash);
            });
        }
        (range, nodes)
    }

    fn filled(plan: &Plan, nodes: &HashMap<Node, Digest>) -> Vec<Digest> {
        let hashes: Vec<_> = plan.nodes().iter().map(|node| nodes[node]).collect();
        plan.fill(&hashes).unwrap()
    }

    #[test]
    fn the_root_is_the_one_of_the_plain_definition_at_every_size() {
        let leaves = leaves(300);
        for size in 0..=300 {
            let (range, nodes) = grown(&leaves[..size]);
            assert_eq!(range.root(), plain_root(&leaves[..size]), "{size}");
            let hashes = peaks(size as u64).iter().map(|node| nodes[node]).collect();
            assert_eq!(CompactRange::from_peaks(size as u64, hashes), Some(range));
        }
    }

    #[test]
    fn the_empty_tree_and_a_leaf_have_the_hashes_of_the_rfc() {
        assert_eq!(empty_root().to_hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(leaf_hash(b"").to_hex(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    proptest! {
        #[test]
        fn inclusion_holds_for_the_leaf_itself_and_for_no_other(size in 1_u64..300, at in any::<prop::sample::Index>(), bit in 0_usize..256, which in any::<prop::sample::Index>()) {
            let leaves = leaves(size as usize);
            let (range, nodes) = grown(&leaves);
            let index = at.index(size as usize) as u64;
            let proof = filled(&Plan::inclusion(index, size).unwrap(), &nodes);
            let leaf = leaves[index as usize];
            prop_assert!(verify_inclusion(leaf, index, size, &proof, &range.root()));
            prop_assert!(!verify_inclusion(leaf_hash(b"other"), index, size, &proof, &range.root()));
            prop_assert!(!verify_inclusion(leaf, size, size, &proof, &range.root()));
            if size > 1 {
                prop_assert!(!verify_inclusion(leaf, (index + 1) % size, size, &proof, &range.root()));
                let mut tampered = proof.clone();
                tampered[which.index(proof.len())].0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!verify_inclusion(leaf, index, size, &tampered, &range.root()));
                prop_assert!(!verify_inclusion(leaf, index, size, &proof[1..], &range.root()));
            }
            let mut longer = proof;
            longer.push(leaf);
            prop_assert!(!verify_inclusion(leaf, index, size, &longer, &range.root()));
        }

        #[test]
        fn consistency_holds_between_true_prefixes_only(new in 1_u64..300, at in any::<prop::sample::Index>(), bit in 0_usize..256, which in any::<prop::sample::Index>()) {
            let leaves = leaves(new as usize);
            let old = at.index(new as usize + 1) as u64;
            let (range, nodes) = grown(&leaves);
            let old_root = plain_root(&leaves[..old as usize]);
            let proof = filled(&Plan::consistency(old, new).unwrap(), &nodes);
            prop_assert!(verify_consistency(old, new, &old_root, &range.root(), &proof));
            prop_assert!(!verify_consistency(old, new, &leaf_hash(b"other"), &range.root(), &proof));
            if old > 0 {
                prop_assert!(!verify_consistency(old, new, &old_root, &leaf_hash(b"other"), &proof));
            }
            if !proof.is_empty() {
                let mut tampered = proof.clone();
                tampered[which.index(proof.len())].0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!verify_consistency(old, new, &old_root, &range.root(), &tampered));
                prop_assert!(!verify_consistency(old, new, &old_root, &range.root(), &proof[1..]));
            }
            prop_assert!(Plan::consistency(new + 1, new).is_none());
        }
    }
}
