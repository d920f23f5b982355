//! What a call may use.

use crate::WasmError;
use wasmtime::ResourceLimiter;

/// A WebAssembly page.
const PAGE: usize = 65_536;

/// What a call may use, be it about 1 case or 255. All but the wall clock count in units that are the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fuel, about one unit an instruction: 500,000,000, some 200,000 times what the reference policies need for a case.
    pub fuel: u64,
    /// All linear memories together, in bytes: 128 MiB.
    pub memory_bytes: usize,
    /// The stack, in bytes: 512 KiB.
    pub stack_bytes: usize,
    /// What is lifted from an answer, in bytes as the host holds it, text that is named twice counted twice: 4 MiB.
    pub answer_bytes: usize,
    /// All tables together, in elements: 65,536.
    pub table_elements: usize,
    /// Core instances of a component: 64.
    pub instances: u32,
    /// The wall clock, in milliseconds: 30,000. It aborts the sweep and is never a decision.
    pub wall_clock_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 500_000_000,
            memory_bytes: 128 << 20,
            stack_bytes: 512 << 10,
            answer_bytes: 4 << 20,
            table_elements: 65_536,
            instances: 64,
            wall_clock_ms: 30_000,
        }
    }
}

impl Limits {
    pub(crate) fn check(&self) -> Result<(), WasmError> {
        let bounds = [
            ("fuel", self.fuel, 1, u64::MAX, "at least 1"),
            ("memory_bytes", self.memory_bytes as u64, PAGE as u64, 4 << 30, "64 KiB to 4 GiB"),
            // wasmtime wants the host's own stack to be larger, and a thread's is 2 MiB.
            ("stack_bytes", self.stack_bytes as u64, 64 << 10, 1 << 20, "64 KiB to 1 MiB"),
            ("answer_bytes", self.answer_bytes as u64, 1, 1 << 30, "1 byte to 1 GiB"),
            ("table_elements", self.table_elements as u64, 1, 10_000_000, "1 to 10,000,000"),
            ("instances", u64::from(self.instances), 1, 1_000, "1 to 1,000"),
            ("wall_clock_ms", self.wall_clock_ms, 100, 86_400_000, "100 to 86,400,000"),
        ];
        for (name, value, least, most, why) in bounds {
            if value < least || value > most {
                return Err(WasmError::Limit { name, value, why });
            }
        }
        Ok(())
    }

    /// Memory in whole pages, as one slot of the pool must be able to hold.
    pub(crate) fn memory_pages(&self) -> usize {
        self.memory_bytes.next_multiple_of(PAGE)
    }
}

/// What one call has used of memory and tables, and what it was refused.
#[derive(Debug)]
pub(crate) struct Budget {
    memory_left: usize,
    elements_left: usize,
    instances: usize,
    /// It asked for more than it may have: the guest's fault.
    pub(crate) exceeded: Option<&'static str>,
    /// The machine could not give what the guest may have: nobody's fault, and no decision.
    pub(crate) host_failed: bool,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_left: limits.memory_bytes,
            elements_left: limits.table_elements,
            instances: limits.instances as usize,
            exceeded: None,
            host_failed: false,
        }
    }

    /// A guest that declares a smaller maximum itself is told so, as WebAssembly has it; our own limit ends the call.
    fn grow(left: &mut usize, current: usize, desired: usize, maximum: Option<usize>) -> Option<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Some(false);
        }
        *left = left.checked_sub(desired.saturating_sub(current))?;
        Some(true)
    }

    fn refuse(&mut self, what: &'static str) -> wasmtime::Error {
        self.exceeded = Some(what);
        wasmtime::Error::msg(what)
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // The pool reports its slot's size as a maximum, which is our limit and no declaration of the guest's.
        let ours = self.memory_left.saturating_add(current);
        let declared = maximum.filter(|maximum| *maximum < ours || desired <= ours);
        Self::grow(&mut self.memory_left, current, desired, declared)
            .ok_or_else(|| self.refuse("it asked for more memory than a call may have"))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.is::<std::io::Error>() {
            self.host_failed = true;
            return Err(error);
        }
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let ours = self.elements_left.saturating_add(current);
        let declared = maximum.filter(|maximum| *maximum < ours || desired <= ours);
        Self::grow(&mut self.elements_left, current, desired, declared)
            .ok_or_else(|| self.refuse("it asked for more table elements than a call may have"))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}
