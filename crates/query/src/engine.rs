//! `Query`: the one engine, its shared memory and caches, and the snapshot that each question is answered from.
//! `serve` asks through it; it never writes, and never holds a snapshot longer than one question.

use crate::blooms::Blooms;
use crate::calls::LatestCalls;
use crate::error::QueryError;
use crate::ledger::{Ledger, LedgerTable};
use crate::limits::{BLOOM_PART, Config, READ_CONCURRENT, READ_TIME};
use crate::source::{Source, TableData};
use crate::sql::guard::REFUSED_FUNCTIONS;
use crate::table::SnapshotTable;
use crate::told::{self, ToldOnce};
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::DataFusionError;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SessionStateBuilder, TaskContext};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use store::{Store, Table};
use tokio::sync::Semaphore;

const CATALOG: &str = "tundra";
const SCHEMA: &str = "public";
/// Where the engine believes the store's files to be; only this room's tables use it.
const FILES: &str = "tundra://files";

/// Everything that can be asked of what is stored.
#[derive(Debug)]
pub struct Query {
    pub(crate) source: Source,
    pub(crate) config: Config,
    pub(crate) sql_places: Arc<Semaphore>,
    read_places: Semaphore,
    shared: Arc<Shared>,
}

/// What all questions share.
#[derive(Debug)]
pub(crate) struct Shared {
    ledger: Arc<dyn Ledger>,
    runtime: Arc<RuntimeEnv>,
    blooms: Arc<Blooms>,
    url: ObjectStoreUrl,
    partitions: usize,
    /// What contexts are cloned from; direct reads use it as it is.
    pub(crate) template: SessionState,
    pub(crate) task: Arc<TaskContext>,
}

/// One snapshot, ready to be asked.
pub(crate) struct View {
    tables: HashMap<Table, Arc<SnapshotTable>>,
    pub(crate) shared: Arc<Shared>,
    context: OnceLock<SessionContext>,
}

impl Query {
    /// An engine over `store`. Touches no file; the first question does.
    pub fn new(store: Store, ledger: Arc<dyn Ledger>, config: Config) -> Result<Self, QueryError> {
        let failed = QueryError::failed("starting the query engine");
        let source = Source::new(store);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(config.memory_bytes)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .with_metadata_cache_limit(config.cache_bytes - config.cache_bytes / BLOOM_PART)
            .with_object_list_cache_limit(0)
            .with_file_statistics_cache_limit(0)
            .build_arc()
            .map_err(&failed)?;
        let url = ObjectStoreUrl::parse(FILES).map_err(&failed)?;
        runtime.register_object_store(url.as_ref(), source.objects());
        let template = template(&runtime, config.partitions);
        let shared = Shared {
            ledger,
            runtime,
            blooms: Arc::new(Blooms::new(config.cache_bytes / BLOOM_PART)),
            url,
            partitions: config.partitions,
            task: template.task_ctx(),
            template,
        };
        Ok(Self {
            source,
            sql_places: Arc::new(Semaphore::new(config.sql_concurrent)),
            read_places: Semaphore::new(READ_CONCURRENT),
            config,
            shared: Arc::new(shared),
        })
    }

    /// What is stored right now, everything acknowledged included.
    pub(crate) fn view(&self) -> View {
        let shared = &self.shared;
        let table = |data: TableData| {
            let table = SnapshotTable {
                url: shared.url.clone(),
                runtime: shared.runtime.clone(),
                blooms: shared.blooms.clone(),
                partitions: shared.partitions,
                data,
            };
            (table.data.table, Arc::new(table))
        };
        View {
            tables: self.source.data().map(table).collect(),
            shared: shared.clone(),
            context: OnceLock::new(),
        }
    }

    /// Runs a typed read within its time and its share of places.
    pub(crate) async fn bounded<T>(
        &self,
        read: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        let work = async {
            let _place = self
                .read_places
                .acquire()
                .await
                .map_err(|_| QueryError::Busy { running: READ_CONCURRENT })?;
            read.await
        };
        tokio::time::timeout(READ_TIME, work).await.unwrap_or(Err(QueryError::TimeOut { limit: READ_TIME }))
    }
}

impl View {
    pub(crate) fn table(&self, table: Table) -> Result<&Arc<SnapshotTable>, QueryError> {
        self.tables.get(&table).ok_or_else(|| QueryError::Failed {
            context: "opening a table",
            detail: format!("no table `{}` in the snapshot", table.name()),
        })
    }

    /// The tables for whoever asks in SQL or its like; direct reads do without.
    pub(crate) fn context(&self) -> Result<&SessionContext, QueryError> {
        if let Some(context) = self.context.get() {
            return Ok(context);
        }
        let context = self.open_context().map_err(QueryError::failed("opening a snapshot"))?;
        Ok(self.context.get_or_init(|| context))
    }

    fn open_context(&self) -> Result<SessionContext, DataFusionError> {
        let schema = MemorySchemaProvider::new();
        for (name, table) in &self.tables {
            let shown: Arc<dyn TableProvider> = match name {
                Table::LlmCalls => Arc::new(LatestCalls::new(table.clone())),
                Table::Spans if told::by_events(table) => Arc::new(ToldOnce::new(table.clone())),
                _ => table.clone(),
            };
            schema.register_table(name.name().to_owned(), shown)?;
        }
        let ledger = LedgerTable::new(self.shared.ledger.clone());
        schema.register_table("ledger".to_owned(), Arc::new(ledger))?;
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let context = SessionContext::new_with_state(self.shared.template.clone());
        context.register_catalog_list(Arc::new(list));
        Ok(context)
    }

    /// Names of everything that SQL can read.
    pub(crate) fn names(&self) -> Vec<String> {
        let stored = self.tables.keys().map(|table| table.name().to_owned());
        stored.chain(["ledger".to_owned()]).collect()
    }
}

/// The state that every question's context is cloned from: settings, and functions without the dangerous ones.
fn template(runtime: &Arc<RuntimeEnv>, partitions: usize) -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_collect_statistics(false);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    options.execution.enable_recursive_ctes = false;
    options.execution.time_zone = Some("UTC".to_owned());
    options.execution.parquet.pushdown_filters = false;
    let mut state = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(runtime.clone())
        .with_table_functions(HashMap::new())
        .build();
    for name in REFUSED_FUNCTIONS {
        // A name that is no scalar function is a table function, and those are gone already.
        let _gone: Result<_, DataFusionError> =
            datafusion::execution::FunctionRegistry::deregister_udf(&mut state, name);
    }
    state
}
