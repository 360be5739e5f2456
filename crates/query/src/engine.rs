//! `Query`: the one engine, its shared memory and caches, and the snapshot that each question is answered from.
//! `serve` asks through it; it never writes, and never holds a snapshot longer than one question.

use crate::calls::LatestCalls;
use crate::error::QueryError;
use crate::ledger::{Ledger, LedgerTable};
use crate::limits::{Config, READ_CONCURRENT, READ_TIME};
use crate::source::Source;
use crate::sql::guard::REFUSED_FUNCTIONS;
use crate::table::SnapshotTable;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableProvider,
};
use datafusion::common::DataFusionError;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::collections::HashMap;
use std::sync::Arc;
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
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) config: Config,
    pub(crate) sql_places: Arc<Semaphore>,
    read_places: Semaphore,
    runtime: Arc<RuntimeEnv>,
    url: ObjectStoreUrl,
    template: SessionState,
}

/// One snapshot, ready to be asked.
pub(crate) struct View {
    tables: HashMap<Table, Arc<SnapshotTable>>,
    pub(crate) context: SessionContext,
}

impl Query {
    /// An engine over `store`. Touches no file; the first question does.
    pub fn new(store: Store, ledger: Arc<dyn Ledger>, config: Config) -> Result<Self, QueryError> {
        let failed = QueryError::failed("starting the query engine");
        let source = Source::new(store);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(config.memory_bytes)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .with_metadata_cache_limit(config.cache_bytes)
            .with_object_list_cache_limit(0)
            .with_file_statistics_cache_limit(0)
            .build_arc()
            .map_err(&failed)?;
        let url = ObjectStoreUrl::parse(FILES).map_err(&failed)?;
        runtime.register_object_store(url.as_ref(), source.objects());
        let template = template(&runtime, config.partitions);
        Ok(Self {
            source,
            ledger,
            sql_places: Arc::new(Semaphore::new(config.sql_concurrent)),
            read_places: Semaphore::new(READ_CONCURRENT),
            config,
            runtime,
            url,
            template,
        })
    }

    /// What is stored right now, everything acknowledged included.
    pub(crate) fn view(&self) -> Result<View, QueryError> {
        let failed = QueryError::failed("opening a snapshot");
        let schema = MemorySchemaProvider::new();
        let mut tables = HashMap::new();
        for data in self.source.data() {
            let name = data.table.name();
            let table = Arc::new(SnapshotTable {
                data,
                url: self.url.clone(),
                runtime: self.runtime.clone(),
                partitions: self.config.partitions,
            });
            let shown: Arc<dyn TableProvider> = match table.data.table {
                Table::LlmCalls => Arc::new(LatestCalls::new(table.clone())),
                _ => table.clone(),
            };
            schema.register_table(name.to_owned(), shown).map_err(&failed)?;
            tables.insert(table.data.table, table);
        }
        let ledger = LedgerTable::new(self.ledger.clone());
        schema.register_table("ledger".to_owned(), Arc::new(ledger)).map_err(&failed)?;
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema)).map_err(&failed)?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let context = SessionContext::new_with_state(self.template.clone());
        context.register_catalog_list(Arc::new(list));
        Ok(View { tables, context })
    }

    /// Runs a typed read within its time and its share of places.
    pub(crate) async fn bounded<T>(
        &self,
        read: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        let work = async {
            let _place = self.read_places.acquire().await.map_err(|_| QueryError::Busy { running: READ_CONCURRENT })?;
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

    /// Names of everything that SQL can read.
    pub(crate) fn names(&self) -> Vec<String> {
        let schema = self.context.catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA));
        schema.map_or_else(Vec::new, |schema| schema.table_names())
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
        let _gone: Result<_, DataFusionError> = datafusion::execution::FunctionRegistry::deregister_udf(&mut state, name);
    }
    state
}
