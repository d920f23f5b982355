//! Inclusion and consistency at every size from 0 to 300, good and tampered, against `ct-merkle`, both ways round.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use fonds_log::tree::{CompactRange, Node, Plan, empty_root, leaf_hash, verify_consistency, verify_inclusion};
use fonds_model::Digest;
use sha2_digest_11::Sha256;
use std::collections::HashMap;

const SIZE_MAX: u64 = 300;

/// The trees of every size, ours and theirs, over the same leaves.
struct Trees {
    roots: Vec<Digest>,
    nodes: HashMap<Node, Digest>,
    theirs: Vec<MemoryBackedTree<Sha256, Vec<u8>>>,
}

fn leaf(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn trees() -> Trees {
    let (mut range, mut nodes) = (CompactRange::default(), HashMap::new());
    let mut roots = vec![range.root()];
    let mut theirs = vec![MemoryBackedTree::new()];
    let mut growing = MemoryBackedTree::new();
    for index in 0..SIZE_MAX {
        range.push(leaf_hash(&leaf(index)), |node, hash| {
            nodes.insert(node, hash);
        });
        roots.push(range.root());
        growing.push(leaf(index));
        theirs.push(growing.clone());
    }
    Trees { roots, nodes, theirs }
}

impl Trees {
    fn proof(&self, plan: &Plan) -> Vec<Digest> {
        let hashes: Vec<Digest> = plan.nodes().iter().map(|node| self.nodes[node]).collect();
        plan.fill(&hashes).unwrap()
    }

    fn root(&self, size: u64) -> Digest {
        self.roots[size as usize]
    }
}

fn bytes(proof: &[Digest]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

fn hashes(bytes: &[u8]) -> Vec<Digest> {
    bytes.chunks(32).map(|hash| Digest(hash.try_into().unwrap())).collect()
}

/// Proofs that are wrong: a bit, a hash too few at either end, one too many, two changed about, other places.
fn tampered(proof: &[Digest]) -> Vec<Vec<Digest>> {
    let mut wrong = vec![[proof, &[Digest([9; 32])]].concat(), [&[Digest([9; 32])], proof].concat()];
    for at in 0..proof.len() {
        let mut flipped = proof.to_vec();
        flipped[at].0[at % 32] ^= 1;
        wrong.push(flipped);
    }
    if !proof.is_empty() {
        wrong.push(proof[1..].to_vec());
        wrong.push(proof[..proof.len() - 1].to_vec());
    }
    if proof.len() > 1 {
        let mut swapped = proof.to_vec();
        swapped.swap(0, proof.len() - 1);
        wrong.push(swapped);
    }
    wrong
}

#[test]
fn inclusion_agrees_with_an_independent_implementation_at_every_size_from_0_to_300() {
    let trees = trees();
    assert_eq!(trees.root(0), empty_root());
    let (mut good, mut bad) = (0, 0);
    for size in 0..=SIZE_MAX {
        let (root, theirs) = (trees.root(size), trees.theirs[size as usize].root());
        assert_eq!(root.0.as_slice(), theirs.as_bytes().as_slice(), "the root at {size}");
        for index in 0..size {
            let proof = trees.proof(&Plan::inclusion(index, size).unwrap());
            // Ours is the proof that they make, and each takes the other's.
            let made = trees.theirs[size as usize].prove_inclusion(index as usize);
            assert_eq!(bytes(&proof), made.as_bytes(), "{index} of {size}");
            assert!(verify_inclusion(leaf_hash(&leaf(index)), index, size, &hashes(made.as_bytes()), &root));
            theirs.verify_inclusion(&leaf(index), index, &InclusionProof::from_bytes(bytes(&proof))).unwrap();
            good += 1;
            // Tampered ones: all at some places, as there are 45,150.
            if size > 40 && (index * 7 + size) % 13 != 0 {
                continue;
            }
            for wrong in tampered(&proof) {
                assert!(!verify_inclusion(leaf_hash(&leaf(index)), index, size, &wrong, &root), "{index} of {size}");
                let wrong = InclusionProof::<Sha256>::from_bytes(bytes(&wrong));
                assert!(theirs.verify_inclusion(&leaf(index), index, &wrong).is_err(), "{index} of {size}");
                bad += 1;
            }
            // Another leaf in its place, and it in another place. (That the tree is larger shows only where the path is
            // longer: a size is signed with its root.)
            for (leaf_at, at) in [(index + 1, index), (index, index + 1)] {
                let leaf = leaf(leaf_at);
                assert!(!verify_inclusion(leaf_hash(&leaf), at, size, &proof, &root), "{leaf_at} as {at} of {size}");
                let proof = InclusionProof::from_bytes(bytes(&proof));
                assert!(at == size || theirs.verify_inclusion(&leaf, at, &proof).is_err());
                bad += 1;
            }
        }
        assert!(Plan::inclusion(size, size).is_none());
        assert!(!verify_inclusion(leaf_hash(&leaf(0)), size, size, &[], &root), "there is no such entry");
    }
    eprintln!("inclusion: {good} good and {bad} tampered proofs");
}

#[test]
fn consistency_agrees_with_an_independent_implementation_at_every_size_from_0_to_300() {
    let trees = trees();
    let (mut good, mut bad) = (0, 0);
    for new in 0..=SIZE_MAX {
        let (root, theirs) = (trees.root(new), trees.theirs[new as usize].root());
        assert!(Plan::consistency(new + 1, new).is_none(), "a log never shrinks");
        for old in 0..=new {
            let proof = trees.proof(&Plan::consistency(old, new).unwrap());
            let old_root = trees.root(old);
            assert!(verify_consistency(old, new, &old_root, &root, &proof), "{old} to {new}");
            good += 1;
            // What comes from nothing, or from itself, has an empty proof that they do not make.
            let comparable = old > 0 && old < new;
            if comparable {
                let made = trees.theirs[new as usize].prove_consistency((new - old) as usize);
                assert_eq!(bytes(&proof), made.as_bytes(), "{old} to {new}");
                assert!(verify_consistency(old, new, &old_root, &root, &hashes(made.as_bytes())));
                let ours = ConsistencyProof::try_from_bytes(bytes(&proof)).unwrap();
                theirs.verify_consistency(&trees.theirs[old as usize].root(), &ours).unwrap();
            } else {
                assert!(proof.is_empty());
            }
            if new > 40 && (old * 7 + new) % 13 != 0 {
                continue;
            }
            for wrong in tampered(&proof) {
                assert!(!verify_consistency(old, new, &old_root, &root, &wrong), "{old} to {new}");
                bad += 1;
                if let (true, Ok(wrong)) = (comparable, ConsistencyProof::<Sha256>::try_from_bytes(bytes(&wrong))) {
                    assert!(theirs.verify_consistency(&trees.theirs[old as usize].root(), &wrong).is_err());
                }
            }
            for (other, same) in [(Digest([9; 32]), root), (old_root, Digest([9; 32]))] {
                // Nothing leads from nothing to any root: whoever starts there has seen nothing to compare with.
                if old > 0 || other != old_root {
                    assert!(!verify_consistency(old, new, &other, &same, &proof), "{old} to {new}");
                    bad += 1;
                }
            }
            assert!(old == new || !verify_consistency(new, old, &root, &old_root, &proof), "backwards");
        }
    }
    eprintln!("consistency: {good} good and {bad} tampered proofs");
}
