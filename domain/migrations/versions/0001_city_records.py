"""The tables of the city records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from domain.columns import Point, PointOf, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.create_table(
        "cities",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("now_local", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("assumptions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("aliases", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("loaded_at", UtcTime(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cities")),
    )
    op.create_table(
        "circuits",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("circuit", sa.String(), nullable=False),
        sa.Column("shift_words", sa.String(), nullable=True),
        sa.Column("weekdays", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("shift_start", sa.String(), nullable=True),
        sa.Column("shift_end", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["city"], ["cities.name"], name=op.f("fk_circuits_city_cities"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("city", "circuit", name=op.f("pk_circuits")),
    )
    op.create_table(
        "city_files",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("loaded_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["city"], ["cities.name"], name=op.f("fk_city_files_city_cities"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("city", "file", name=op.f("pk_city_files")),
    )
    op.create_table(
        "places",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("radius_m", sa.Double(), nullable=True),
        sa.Column("area_of", sa.String(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("point", Point(), sa.Computed(PointOf(), persisted=True)),
        sa.ForeignKeyConstraint(
            ["city"], ["cities.name"], name=op.f("fk_places_city_cities"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("city", "name", "kind", name=op.f("pk_places")),
    )
    op.create_index("ix_places_city_lat_lon", "places", ["city", "lat", "lon"], unique=False)
    op.create_table(
        "requests",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("opened_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("closed_at", UtcTime(), nullable=True),
        sa.Column("on_time", sa.Boolean(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("area", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("point", Point(), sa.Computed(PointOf(), persisted=True)),
        sa.ForeignKeyConstraint(
            ["city"], ["cities.name"], name=op.f("fk_requests_city_cities"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("city", "request_id", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_city_lat_lon", "requests", ["city", "lat", "lon"], unique=False)
    op.create_index("ix_requests_city_opened_at", "requests", ["city", "opened_at"], unique=False)
    op.create_table(
        "sites",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("point", Point(), sa.Computed(PointOf(), persisted=True)),
        sa.ForeignKeyConstraint(
            ["city"], ["cities.name"], name=op.f("fk_sites_city_cities"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("city", "site_id", name=op.f("pk_sites")),
    )
    op.create_index("ix_sites_city_lat_lon", "sites", ["city", "lat", "lon"], unique=False)
    op.create_table(
        "trucks",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("capacity_l", sa.Double(), nullable=False),
        sa.Column("capacity_kg", sa.Double(), nullable=False),
        sa.Column("compaction_ratio", sa.Double(), nullable=False),
        sa.Column("streams", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("shift_start", sa.String(), nullable=False),
        sa.Column("shift_end", sa.String(), nullable=False),
        sa.Column("cost_per_km", sa.Double(), nullable=False),
        sa.Column("cost_per_hour", sa.Double(), nullable=False),
        sa.Column("g_co2e_per_km", sa.Double(), nullable=False),
        sa.Column("depot", sa.String(), nullable=False),
        sa.Column("depot_lat", sa.Double(), nullable=False),
        sa.Column("depot_lon", sa.Double(), nullable=False),
        sa.Column("out_of_service_until", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["city"], ["cities.name"], name=op.f("fk_trucks_city_cities"), initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("city", "name", name=op.f("pk_trucks")),
    )
    op.create_table(
        "bins",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("capacity_l", sa.Double(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("circuit", sa.String(), nullable=True),
        sa.Column("fill_alert_pct", sa.Double(), nullable=True),
        sa.Column("age_alert_days", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("point", Point(), sa.Computed(PointOf(), persisted=True)),
        sa.ForeignKeyConstraint(
            ["city", "site_id"],
            ["sites.city", "sites.site_id"],
            name=op.f("fk_bins_city_site_id_sites"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("city", "bin_id", name=op.f("pk_bins")),
    )
    op.create_index("ix_bins_city_lat_lon", "bins", ["city", "lat", "lon"], unique=False)
    op.create_index("ix_bins_city_site_id", "bins", ["city", "site_id"], unique=False)
    op.create_table(
        "collection_rules",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=False),
        sa.Column("interval_days", sa.Double(), nullable=False),
        sa.Column("weekdays", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["city", "bin_id"],
            ["bins.city", "bins.bin_id"],
            name=op.f("fk_collection_rules_city_bin_id_bins"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("city", "bin_id", name=op.f("pk_collection_rules")),
    )
    op.create_table(
        "emptyings",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=False),
        sa.Column("emptied_at", UtcTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("fill_pct", sa.Double(), nullable=True),
        sa.Column("fill_class", sa.String(), nullable=True),
        sa.CheckConstraint("fill_pct BETWEEN 0 AND 100", name=op.f("ck_emptyings_fill")),
        sa.ForeignKeyConstraint(
            ["city", "bin_id"],
            ["bins.city", "bins.bin_id"],
            name=op.f("fk_emptyings_city_bin_id_bins"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("city", "bin_id", "emptied_at", "reason", name=op.f("pk_emptyings")),
    )
    op.create_index("ix_emptyings_city_emptied_at", "emptyings", ["city", "emptied_at"], unique=False)
    op.create_table(
        "readings",
        sa.Column("city", sa.String(), nullable=False),
        sa.Column("bin_id", sa.String(), nullable=False),
        sa.Column("read_at", UtcTime(), nullable=False),
        sa.Column("fill_pct", sa.Double(), nullable=True),
        sa.Column("fill_class", sa.String(), nullable=True),
        sa.CheckConstraint("fill_pct BETWEEN 0 AND 100", name=op.f("ck_readings_fill")),
        sa.ForeignKeyConstraint(
            ["city", "bin_id"],
            ["bins.city", "bins.bin_id"],
            name=op.f("fk_readings_city_bin_id_bins"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("city", "bin_id", "read_at", name=op.f("pk_readings")),
    )
    op.create_index("ix_readings_city_read_at", "readings", ["city", "read_at"], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        for table in ("places", "requests", "sites", "bins"):
            op.create_index(f"ix_{table}_point", table, ["point"], postgresql_using="gist")


def downgrade() -> None:
    op.drop_index("ix_readings_city_read_at", table_name="readings")
    op.drop_table("readings")
    op.drop_index("ix_emptyings_city_emptied_at", table_name="emptyings")
    op.drop_table("emptyings")
    op.drop_table("collection_rules")
    op.drop_index("ix_bins_city_site_id", table_name="bins")
    op.drop_index("ix_bins_city_lat_lon", table_name="bins")
    op.drop_table("bins")
    op.drop_table("trucks")
    op.drop_index("ix_sites_city_lat_lon", table_name="sites")
    op.drop_table("sites")
    op.drop_index("ix_requests_city_opened_at", table_name="requests")
    op.drop_index("ix_requests_city_lat_lon", table_name="requests")
    op.drop_table("requests")
    op.drop_index("ix_places_city_lat_lon", table_name="places")
    op.drop_table("places")
    op.drop_table("city_files")
    op.drop_table("circuits")
    op.drop_table("cities")
