-- Who may do what in the database in which Dagster keeps its records; docs/access.md has it as a table.
--
-- Run by whoever made the database, once before Dagster's tables are made (`dagster instance migrate`, as dagster_owner) and
-- once after every migration:  psql --set ON_ERROR_STOP=1 --file deploy/postgres/roles.sql
-- It can be run again at any time: what somebody granted by hand is taken back. A table of a newer Dagster is closed to all
-- until it is run: that is told by Dagster at once, while a right too many is told by nobody.
--
-- Nobody has a password. On RDS one signs in with a token of AWS's IAM (rds_iam), elsewhere as pg_hba.conf says.

BEGIN;

DO $$
DECLARE
  of_ours CONSTANT text[] := ARRAY['dagster_owner', 'dagster', 'dataops_reader', 'dataops_pruner'];
  one text;
  found text;
BEGIN
  FOREACH one IN ARRAY of_ours LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN
      EXECUTE format('CREATE ROLE %I', one);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN PASSWORD NULL', one);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
      EXECUTE format('GRANT rds_iam TO %I', one);
    END IF;
  END LOOP;

  -- What no grant on a table shows. Only a superuser could take it back, so it is told.
  SELECT string_agg(rolname, ', ') INTO found FROM pg_roles
    WHERE rolname = ANY (of_ours) AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls);
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'more than a role of ours may have: %', found
      USING HINT = 'ALTER ROLE … NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS, and run this again';
  END IF;
  SELECT string_agg(format('%s of %s', member::regrole, roleid::regrole), ', ') INTO found FROM pg_auth_members
    WHERE member::regrole::text = ANY (of_ours) AND roleid::regrole::text <> 'rds_iam';
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'a role of ours is a member of another: %', found USING HINT = 'REVOKE it, and run this again';
  END IF;

  -- Whoever runs this acts for the owner: else it could not grant what is the owner's.
  EXECUTE format('GRANT dagster_owner TO %I', current_user);

  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, dagster_owner, dagster, dataops_reader, dataops_pruner', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO dagster_owner, dagster, dataops_reader, dataops_pruner', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC, dagster_owner, dagster, dataops_reader, dataops_pruner;
GRANT USAGE ON SCHEMA public TO dagster, dataops_reader, dataops_pruner;
GRANT USAGE, CREATE ON SCHEMA public TO dagster_owner;

-- Whoever made a table before these roles were there would own it, and its owner may do everything to it.
DO $$
DECLARE
  one regclass;
BEGIN
  FOR one IN SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relowner <> 'dagster_owner'::regrole
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO dagster_owner', one);
  END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, dagster, dataops_reader, dataops_pruner;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, dagster, dataops_reader, dataops_pruner;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO dagster, dataops_reader, dataops_pruner;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO dagster;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO dagster;

DO $$
BEGIN
  -- Before there are tables there is nothing to grant on.
  IF to_regclass('public.event_logs') IS NOT NULL THEN
    -- Which version the tables are of is said by migrations alone.
    REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM dagster;
    -- Of old runs everything goes; a slot that one of them has held since is given to the next.
    GRANT DELETE ON event_logs, asset_event_tags, asset_check_executions, runs, run_tags TO dataops_pruner;
    GRANT UPDATE, DELETE ON concurrency_slots, pending_steps TO dataops_pruner;
  END IF;
END $$;

COMMIT;
