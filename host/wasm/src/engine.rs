//! The engine: every setting that makes a call deterministic, and the pool that makes an instance cheap.

use crate::cache::Cache;
use crate::component::COMPONENT_BYTES_MAX;
use crate::fault::load;
use crate::limits::Limits;
use crate::plugin::Loaded;
use crate::{WasmError, listed};
use fonds_model::Digest;
use fonds_model::decision::Fault;
use fonds_policy::{Evaluator, Plugin};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The engine and its version, as decisions record it: a fault of fuel or stack means nothing under another one.
pub const ENGINE_VERSION: &str = "wasmtime 48.0.8";

/// How often the wall clock is looked at.
pub(crate) const TICK_MS: u64 = 100;

/// Calls that may run at a time.
const CONCURRENT_MAX: u32 = 16;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Where compiled plugins are kept; none: they are compiled each time.
    pub cache_dir: Option<PathBuf>,
    /// The secret under which a compiled plugin is known to be ours.
    pub cache_key: [u8; 32],
    /// What a call may use.
    pub limits: Limits,
}

/// wasmtime, set up so that the same question always gets the same answer.
pub struct Engine {
    engine: wasmtime::Engine,
    cache: Option<Cache>,
    limits: Limits,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Engine {
    /// Sets up an engine, with a thread that watches the wall clock until the engine is dropped.
    ///
    /// # Errors
    /// [`WasmError::Limit`] for a limit out of range; [`WasmError::Engine`] when this machine cannot run it.
    pub fn new(options: EngineOptions) -> Result<Self, WasmError> {
        let EngineOptions { cache_dir, cache_key, limits } = options;
        limits.check()?;
        let wrong = |error: wasmtime::Error| WasmError::Engine(error.root_cause().to_string());
        let engine = wasmtime::Engine::new(&config(&limits)).map_err(wrong)?;
        watch_the_clock(&engine)?;
        let cache = cache_dir.map(|dir| Cache::new(dir, cache_key, &engine));
        Ok(Self { engine, cache, limits })
    }

    /// What a call may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn compiled(&self, digest: &Digest, component: &[u8]) -> Result<Component, Fault> {
        if let Some(ready) = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, digest)) {
            return Ok(ready);
        }
        // Before the work of compiling, and with the names.
        let imports = crate::component::imports(component).map_err(|error| load(error.to_string()))?;
        if !imports.is_empty() {
            return Err(refused(&imports));
        }
        let compiled = Component::from_binary(&self.engine, component)
            .map_err(|error| load(format!("it does not compile: {}", error.root_cause())))?;
        if let Some(cache) = &self.cache {
            cache.store(digest, &compiled);
        }
        Ok(compiled)
    }
}

fn refused(imports: &[String]) -> Fault {
    load(format!("it imports {}, and a policy may import no function", listed(imports)))
}

impl Evaluator for Engine {
    fn engine(&self) -> &str {
        ENGINE_VERSION
    }

    fn load(&self, component: &[u8]) -> Result<Arc<dyn Plugin>, Fault> {
        if component.len() > COMPONENT_BYTES_MAX {
            return Err(load("it is larger than 32 MiB"));
        }
        let digest = Digest(Sha256::digest(component).into());
        let compiled = self.compiled(&digest, component)?;
        Ok(Arc::new(Loaded::new(&self.engine, &compiled, digest, self.limits)?))
    }
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    // What an answer may depend on: nothing but the question. Threads, garbage collection and the component model's
    // async part are not even compiled in.
    config
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .relaxed_simd_deterministic(true)
        .shared_memory(false)
        .wasm_component_model(true)
        .concurrency_support(false);
    // What a call may use. Fuel counts alike everywhere; the epoch is the wall clock, and only ever aborts.
    config.consume_fuel(true).epoch_interruption(true).max_wasm_stack(limits.stack_bytes);
    // A fresh instance a call must be cheap.
    config.memory_init_cow(true).allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let instances = limits.instances;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(CONCURRENT_MAX)
        .total_core_instances(CONCURRENT_MAX.saturating_mul(instances))
        .total_memories(CONCURRENT_MAX)
        .total_tables(CONCURRENT_MAX * 8)
        .max_core_instances_per_component(instances)
        .max_memories_per_component(4)
        .max_tables_per_component(8)
        .max_memory_size(limits.memory_pages())
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// A thread that moves the epoch on, for as long as there is an engine.
fn watch_the_clock(engine: &wasmtime::Engine) -> Result<(), WasmError> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(Duration::from_millis(TICK_MS));
        }
    };
    let spawned = std::thread::Builder::new().name("fonds-wall-clock".to_owned()).spawn(tick);
    spawned.map(drop).map_err(|error| WasmError::Engine(error.to_string()))
}
