-- Where the data lives: which database of which cluster, so that a restored copy is noticed.

create table authn.database_home (
    only_row boolean primary key default true check (only_row),
    home text not null,
    settled_at timestamptz not null default now()
);
comment on table authn.database_home is
    'The database that the data was last served from. A copy finds another one here than itself.';
comment on column authn.database_home.home is 'The system identifier of the cluster and the number of the database.';

alter table authn.database_home enable row level security;
alter table authn.database_home force row level security;
