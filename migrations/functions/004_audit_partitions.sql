-- Partitions of the audit log: made ahead of time, dropped when the log's time is over. Months are those of UTC.

create or replace function authn._protect_audit_partition(p_partition regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('alter table %s enable row level security', p_partition);
    execute format('alter table %s force row level security', p_partition);
    if exists (select from pg_policy where polrelid = p_partition and polname = 'tenant') then
        execute format('drop policy tenant on %s', p_partition);
    end if;
    execute format(
        'create policy tenant on %s '
        'using (namespace = (select nullif(current_setting(''authn.tenant_id'', true), ''''))) '
        'with check (namespace = (select nullif(current_setting(''authn.tenant_id'', true), '''')))',
        p_partition
    );
end
$$;
comment on function authn._protect_audit_partition(regclass) is
    'Gives a partition the tenant policy: PostgreSQL applies that of the parent only to those who name the parent.';

create or replace function authn.create_audit_partition(p_year integer, p_month integer) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $$
declare
    v_name text;
    v_from timestamptz;
    v_until timestamptz;
begin
    perform authn._require(p_year is not null, 'year');
    perform authn._require(p_month is not null, 'month');
    if p_year not between 1970 and 9999 then
        raise exception 'Year must be between 1970 and 9999' using errcode = '22023';
    end if;
    if p_month not between 1 and 12 then
        raise exception 'Month must be between 1 and 12' using errcode = '22023';
    end if;
    v_name := format('audit_events_y%sm%s', to_char(p_year, 'FM0000'), to_char(p_month, 'FM00'));
    v_from := make_timestamptz(p_year, p_month, 1, 0, 0, 0);
    v_until := v_from + interval '1 month';

    -- Two workers that make the same month at once: the second waits and finds it made.
    perform pg_advisory_xact_lock(hashtextextended('authn.audit_events', 0));
    if to_regclass('authn.' || v_name) is not null then
        return null;
    end if;

    -- Made apart and attached: that needs no lock which stops writers of other months.
    execute format('create table authn.%I (like authn.audit_events including defaults including constraints)', v_name);
    -- The owner is bound by row-level security like everyone, and sees no rows here without a tenant. The lock that
    -- this takes lasts until the transaction ends, so nobody else ever meets the table unforced.
    alter table authn.audit_events_default no force row level security;
    execute format(
        'with moved as (delete from authn.audit_events_default where event_time >= %L and event_time < %L returning *) '
        'insert into authn.%I select * from moved',
        v_from, v_until, v_name
    );
    alter table authn.audit_events_default force row level security;
    execute format(
        'alter table authn.audit_events attach partition authn.%I for values from (%L) to (%L)', v_name, v_from, v_until
    );
    perform authn._protect_audit_partition(to_regclass('authn.' || v_name));
    return v_name;
end
$$;
comment on function authn.create_audit_partition(integer, integer) is
    'Makes the audit log''s partition of one month and returns its name, or NULL when it exists.';

create or replace function authn.ensure_audit_partitions(p_months_ahead integer default 3) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_months integer := coalesce(p_months_ahead, 3);
    v_first timestamp := date_trunc('month', now() at time zone 'UTC');
    v_month timestamp;
    v_name text;
begin
    if v_months not between 0 and 120 then
        raise exception 'months_ahead must be between 0 and 120' using errcode = '22023';
    end if;
    for v_offset in 0..v_months loop
        v_month := v_first + make_interval(months => v_offset);
        v_name := authn.create_audit_partition(extract(year from v_month)::integer, extract(month from v_month)::integer);
        if v_name is not null then
            return next v_name;
        end if;
    end loop;
end
$$;
comment on function authn.ensure_audit_partitions(integer) is
    'Makes the partitions of this month and the next ones; returns the names of those that were missing.';

create or replace function authn.drop_audit_partitions(p_older_than_months integer default 84) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_months integer := coalesce(p_older_than_months, 84);
    v_keep_from timestamp;
    v_name text;
begin
    if v_months not between 0 and 12000 then
        raise exception 'older_than_months must be between 0 and 12000' using errcode = '22023';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('authn.audit_events', 0));
    v_keep_from := date_trunc('month', now() at time zone 'UTC') - make_interval(months => v_months);
    for v_name in
        select c.relname
          from pg_inherits i
          join pg_class c on c.oid = i.inhrelid
         where i.inhparent = to_regclass('authn.audit_events')
           and c.relname ~ '^audit_events_y\d{4}m\d{2}$'
         order by c.relname
    loop
        if make_timestamp(substr(v_name, 15, 4)::integer, substr(v_name, 20, 2)::integer, 1, 0, 0, 0) < v_keep_from then
            execute format('drop table authn.%I', v_name);
            return next v_name;
        end if;
    end loop;
    -- What landed beside the months is as old as its time says. Unforced only under the lock that this takes, which
    -- nobody need wait for as long as nothing ever landed there.
    if pg_relation_size('authn.audit_events_default') > 0 then
        alter table authn.audit_events_default no force row level security;
        delete from authn.audit_events_default where event_time < v_keep_from at time zone 'UTC';
        alter table authn.audit_events_default force row level security;
    end if;
end
$$;
comment on function authn.drop_audit_partitions(integer) is
    'Drops the partitions of months that are more than so many months past; seven years are kept by default. '
    'For the owner only: the application must not be able to shorten the log.';

revoke all on function authn._protect_audit_partition(regclass), authn.create_audit_partition(integer, integer),
    authn.ensure_audit_partitions(integer), authn.drop_audit_partitions(integer) from public;
grant execute on function authn.create_audit_partition(integer, integer), authn.ensure_audit_partitions(integer)
    to portal_app;
