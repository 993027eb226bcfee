//! Where a certificate holds: geographic regions (IEEE 1609.2 clause 6.4.17).

use crate::coer::{Reader, Result};

/// A place on the ground, in units of 1/10 microdegree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Latitude, −900,000,000 to 900,000,000.
    pub latitude: i32,
    /// Longitude, −1,799,999,999 to 1,800,000,000.
    pub longitude: i32,
}

/// What the standard writes for an unknown latitude and longitude.
const UNKNOWN: Location = Location { latitude: 900_000_001, longitude: 1_800_000_001 };

/// Mean radius of the Earth (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

impl Location {
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { latitude: reader.i32()?, longitude: reader.i32()? })
    }

    /// Whether the sender knew where it was.
    pub fn is_known(self) -> bool {
        self.latitude != UNKNOWN.latitude && self.longitude != UNKNOWN.longitude
    }

    /// Great-circle distance in metres.
    pub fn distance_m(self, other: Self) -> f64 {
        let radians = |value: i32| f64::from(value) * 1e-7 * std::f64::consts::PI / 180.0;
        let (lat1, lat2) = (radians(self.latitude), radians(other.latitude));
        let half_lat = (lat2 - lat1) / 2.0;
        let half_lon = (radians(other.longitude) - radians(self.longitude)) / 2.0;
        let chord = half_lat.sin().powi(2) + lat1.cos() * lat2.cos() * half_lon.sin().powi(2);
        2.0 * EARTH_RADIUS_M * chord.sqrt().min(1.0).asin()
    }
}

/// A rectangle between two parallels and two meridians.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// The north-west corner.
    pub north_west: Location,
    /// The south-east corner.
    pub south_east: Location,
}

impl Rectangle {
    fn contains(&self, place: Location) -> bool {
        let (west, east) = (self.north_west.longitude, self.south_east.longitude);
        let longitude = place.longitude;
        let between = if west <= east {
            (west..=east).contains(&longitude)
        } else {
            longitude >= west || longitude <= east
        };
        between && (self.south_east.latitude..=self.north_west.latitude).contains(&place.latitude)
    }

    fn corners(&self) -> [Location; 4] {
        let Self { north_west: nw, south_east: se } = *self;
        let corner = |latitude, longitude| Location { latitude, longitude };
        [nw, corner(nw.latitude, se.longitude), se, corner(se.latitude, nw.longitude)]
    }
}

/// A country, by its UN M.49 code, or parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country {
    /// UN M.49 code: 380 is Italy.
    pub code: u16,
    /// Regions within it; `None` is the whole country.
    pub regions: Option<Vec<Subdivision>>,
}

/// A region of a country and, where given, its subregions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subdivision {
    /// The region.
    pub region: u8,
    /// Subregions; `None` is the whole region.
    pub subregions: Option<Vec<u16>>,
}

/// A geographic region.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Region {
    /// Within `radius_m` of `center`.
    Circle {
        /// The middle.
        center: Location,
        /// Radius in metres.
        radius_m: u16,
    },
    /// In any of the rectangles.
    Rectangles(Vec<Rectangle>),
    /// Inside the polygon.
    Polygon(Vec<Location>),
    /// In any of the countries.
    Identified(Vec<Country>),
    /// A form that this version does not know; holds nowhere that can be shown.
    Unknown,
}

impl Region {
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.choice()? {
            0 => Ok(Self::Circle { center: Location::parse(reader)?, radius_m: reader.u16()? }),
            1 => reader
                .sequence_of(|r| {
                    Ok(Rectangle { north_west: Location::parse(r)?, south_east: Location::parse(r)? })
                })
                .map(Self::Rectangles),
            2 => {
                let corners = reader.sequence_of(Location::parse)?;
                if corners.len() < 3 { reader.malformed() } else { Ok(Self::Polygon(corners)) }
            }
            3 => reader.sequence_of(parse_identified).map(|found| {
                found.into_iter().collect::<Option<Vec<_>>>().map_or(Self::Unknown, Self::Identified)
            }),
            _ => {
                reader.octets()?;
                Ok(Self::Unknown)
            }
        }
    }

    /// Whether `place` lies in the region; `None` where geometry cannot tell (countries).
    pub fn contains(&self, place: Location) -> Option<bool> {
        match self {
            Self::Circle { center, radius_m } => Some(center.distance_m(place) <= f64::from(*radius_m)),
            Self::Rectangles(rectangles) => {
                Some(rectangles.iter().any(|rectangle| rectangle.contains(place)))
            }
            Self::Polygon(corners) => Some(polygon_contains(corners, place)),
            Self::Identified(_) | Self::Unknown => None,
        }
    }

    /// Whether the whole of `inner` lies in this region: an issuer may give away only what it has.
    /// `None` where the two forms cannot be compared without a map.
    pub fn encloses(&self, inner: &Self) -> Option<bool> {
        if self == inner && *self != Self::Unknown {
            return Some(true);
        }
        match (self, inner) {
            (Self::Circle { center, radius_m }, Self::Circle { center: other, radius_m: radius }) => {
                // The standard's radii are whole metres; so is the tolerance.
                Some(center.distance_m(*other) + f64::from(*radius) <= f64::from(*radius_m) + 1.0)
            }
            (Self::Identified(outer), Self::Identified(inner)) => {
                let given = |part: Country| outer.iter().any(|candidate| candidate.encloses(&part));
                Some(inner.iter().flat_map(Country::parts).all(given))
            }
            (Self::Identified(_) | Self::Unknown, _) | (_, Self::Identified(_) | Self::Unknown) => None,
            (_, Self::Circle { center, radius_m }) => {
                Some(circle_outline(*center, *radius_m).into_iter().all(|p| self.contains(p) == Some(true)))
            }
            (_, Self::Rectangles(rectangles)) => Some(
                rectangles
                    .iter()
                    .flat_map(Rectangle::corners)
                    .all(|corner| self.contains(corner) == Some(true)),
            ),
            (_, Self::Polygon(corners)) => {
                Some(corners.iter().all(|&corner| self.contains(corner) == Some(true)))
            }
        }
    }
}

impl Country {
    /// The regions and subregions one by one: an issuer may have them in several entries. An empty list of
    /// them stays what it is, so that it is compared too.
    fn parts(&self) -> Vec<Self> {
        let part = |region, subregions| Self {
            code: self.code,
            regions: Some(vec![Subdivision { region, subregions }]),
        };
        let of = |each: &Subdivision| match each.subregions.as_deref() {
            Some(several @ [_, ..]) => {
                several.iter().map(|&one| part(each.region, Some(vec![one]))).collect()
            }
            _ => vec![part(each.region, each.subregions.clone())],
        };
        match self.regions.as_deref() {
            Some(several @ [_, ..]) => several.iter().flat_map(of).collect(),
            _ => vec![self.clone()],
        }
    }

    fn encloses(&self, inner: &Self) -> bool {
        let Some(outer) = &self.regions else { return self.code == inner.code };
        let Some(wanted) = &inner.regions else { return false };
        self.code == inner.code
            && wanted.iter().all(|region| outer.iter().any(|candidate| candidate.encloses(region)))
    }
}

impl Subdivision {
    fn encloses(&self, inner: &Self) -> bool {
        if self.region != inner.region {
            return false;
        }
        let Some(outer) = &self.subregions else { return true };
        inner
            .subregions
            .as_ref()
            .is_some_and(|wanted| wanted.iter().all(|subregion| outer.contains(subregion)))
    }
}

fn parse_identified(reader: &mut Reader<'_>) -> Result<Option<Country>> {
    let choice = reader.choice()?;
    if choice > 2 {
        reader.octets()?;
        return Ok(None);
    }
    let code = reader.u16()?;
    let regions = match choice {
        0 => None,
        1 => {
            let regions = reader.sequence_of(Reader::u8)?;
            Some(regions.into_iter().map(|region| Subdivision { region, subregions: None }).collect())
        }
        _ => Some(reader.sequence_of(|r| {
            Ok(Subdivision { region: r.u8()?, subregions: Some(r.sequence_of(Reader::u16)?) })
        })?),
    };
    Ok(Some(Country { code, regions }))
}

/// Even-odd rule; the edge counts as inside. Longitudes count from the first corner, so that the polygon may
/// cross the antimeridian; it spans less than half the globe to either side.
fn polygon_contains(corners: &[Location], place: Location) -> bool {
    let Some(origin) = corners.first() else { return false };
    let plane = |place: &Location| {
        (
            f64::from(wrapped(f64::from(place.longitude) - f64::from(origin.longitude))),
            f64::from(place.latitude),
        )
    };
    let (x, y) = plane(&place);
    let mut inside = false;
    for (index, from) in corners.iter().enumerate() {
        let to = &corners[(index + 1) % corners.len()];
        let ((x1, y1), (x2, y2)) = (plane(from), plane(to));
        let aligned = (x2 - x1) * (y - y1) == (y2 - y1) * (x - x1);
        if aligned && (x1.min(x2)..=x1.max(x2)).contains(&x) && (y1.min(y2)..=y1.max(y2)).contains(&y) {
            return true;
        }
        if (y1 > y) != (y2 > y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1) {
            inside = !inside;
        }
    }
    inside
}

/// A longitude, brought into the half-open range above −180°.
fn wrapped(longitude: f64) -> i32 {
    const TURN: f64 = 3_600_000_000.0;
    (longitude - TURN * ((longitude - TURN / 2.0) / TURN).ceil()) as i32
}

/// Thirty-two points on the rim of a circle.
fn circle_outline(center: Location, radius_m: u16) -> Vec<Location> {
    let latitude = f64::from(center.latitude) * 1e-7;
    let degrees_per_m = 180.0 / (std::f64::consts::PI * EARTH_RADIUS_M);
    (0..32)
        .map(|step| {
            let angle = f64::from(step) * std::f64::consts::TAU / 32.0;
            let north = f64::from(radius_m) * angle.cos() * degrees_per_m;
            let east = f64::from(radius_m) * angle.sin() * degrees_per_m / latitude.to_radians().cos();
            Location {
                latitude: center.latitude.saturating_add((north * 1e7) as i32),
                longitude: wrapped(f64::from(center.longitude) + east * 1e7),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(latitude: f64, longitude: f64) -> Location {
        Location { latitude: (latitude * 1e7).round() as i32, longitude: (longitude * 1e7).round() as i32 }
    }

    fn rectangle(north_west: (f64, f64), south_east: (f64, f64)) -> Region {
        let corner = |(latitude, longitude)| degrees(latitude, longitude);
        Region::Rectangles(vec![Rectangle { north_west: corner(north_west), south_east: corner(south_east) }])
    }

    #[test]
    fn distances_are_those_of_the_sphere() {
        // A degree of a great circle, and Berlin to Venice by an independent computation.
        assert!((degrees(0.0, 0.0).distance_m(degrees(0.0, 1.0)) - 111_195.08).abs() < 0.1);
        assert!((degrees(89.0, 0.0).distance_m(degrees(89.0, 180.0)) - 222_390.16).abs() < 0.2);
        let (berlin, venice) = (degrees(52.520_008, 13.404_954), degrees(45.437_191, 12.334_590));
        assert!((berlin.distance_m(venice) - 791_584.0).abs() < 1_000.0);
        assert!(degrees(0.0, 179.9).distance_m(degrees(0.0, -179.9)) < 22_300.0);
    }

    #[test]
    fn circles_end_at_their_radius() {
        let circle = Region::Circle { center: degrees(43.55, 10.3), radius_m: 1_000 };
        let metre = 1.0 / 111_195.08;
        assert_eq!(circle.contains(degrees(43.55 + 999.0 * metre, 10.3)), Some(true));
        assert_eq!(circle.contains(degrees(43.55 + 1_001.0 * metre, 10.3)), Some(false));
    }

    #[test]
    fn rectangles_include_their_edges_and_may_cross_the_antimeridian() {
        let plain = rectangle((44.0, 10.0), (43.0, 11.0));
        for (latitude, longitude, inside) in
            [(44.0, 10.0, true), (43.0, 11.0, true), (43.5, 11.000_000_1, false), (44.000_000_1, 10.5, false)]
        {
            assert_eq!(plain.contains(degrees(latitude, longitude)), Some(inside));
        }
        let pacific = rectangle((10.0, 170.0), (-10.0, -170.0));
        for (longitude, inside) in
            [(175.0, true), (180.0, true), (-175.0, true), (0.0, false), (169.0, false)]
        {
            assert_eq!(pacific.contains(degrees(0.0, longitude)), Some(inside));
        }
    }

    #[test]
    fn polygons_include_their_edges_and_know_their_hollows() {
        // An L: the upper right quarter is missing.
        let corners = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0)];
        let shape = Region::Polygon(corners.iter().map(|&(lat, lon)| degrees(lat, lon)).collect());
        for (latitude, longitude, inside) in [
            (0.5, 0.5, true),
            (1.5, 0.5, true),
            (0.5, 1.5, true),
            (1.5, 1.5, false),
            (1.0, 1.5, true), // on an edge
            (1.0, 1.0, true), // on the inner corner
            (0.0, 0.0, true), // on a corner
            (2.0, 1.000_000_1, false),
            (1.0, 2.000_000_1, false), // level with an edge, beyond it
            (-0.1, 0.5, false),
        ] {
            assert_eq!(shape.contains(degrees(latitude, longitude)), Some(inside), "{latitude} {longitude}");
        }
    }

    #[test]
    fn polygons_may_cross_the_antimeridian() {
        let corners = [(10.0, 175.0), (10.0, -175.0), (-10.0, -175.0), (-10.0, 175.0)];
        let shape = Region::Polygon(corners.iter().map(|&(lat, lon)| degrees(lat, lon)).collect());
        for (longitude, inside) in
            [(179.0, true), (-179.0, true), (175.0, true), (-174.9, false), (174.9, false), (0.0, false)]
        {
            assert_eq!(shape.contains(degrees(0.0, longitude)), Some(inside), "{longitude}");
        }
    }

    #[test]
    fn an_issuer_gives_no_more_than_it_has() {
        let country = rectangle((45.0, 9.0), (43.0, 12.0));
        for (inner, enclosed) in [
            (rectangle((44.0, 10.0), (43.5, 11.0)), true),
            (rectangle((46.0, 10.0), (43.5, 11.0)), false),
            (Region::Circle { center: degrees(44.0, 10.0), radius_m: 50_000 }, true),
            (Region::Circle { center: degrees(44.9, 10.0), radius_m: 50_000 }, false),
            (Region::Polygon(vec![degrees(44.0, 10.0), degrees(44.5, 10.0), degrees(44.0, 10.5)]), true),
            (Region::Polygon(vec![degrees(44.0, 10.0), degrees(44.5, 10.0), degrees(44.0, 12.5)]), false),
        ] {
            assert_eq!(country.encloses(&inner), Some(enclosed), "{inner:?}");
        }
        let circle = |radius_m| Region::Circle { center: degrees(44.0, 10.0), radius_m };
        assert_eq!(circle(500).encloses(&circle(500)), Some(true));
        assert_eq!(circle(500).encloses(&circle(600)), Some(false));
        let fiji = rectangle((0.0, 178.0), (-30.0, -178.0));
        let suva = Region::Circle { center: degrees(-18.0, 179.99), radius_m: 10_000 };
        assert_eq!(fiji.encloses(&suva), Some(true));
    }

    #[test]
    fn countries_compare_by_their_codes() {
        let country = |code, regions| Region::Identified(vec![Country { code, regions }]);
        let part = |region, subregions| Some(vec![Subdivision { region, subregions }]);
        let italy = country(380, None);
        assert_eq!(italy.encloses(&country(380, part(9, None))), Some(true));
        assert_eq!(italy.encloses(&country(250, None)), Some(false));
        assert_eq!(country(380, part(9, None)).encloses(&italy), Some(false));
        assert_eq!(country(380, part(9, None)).encloses(&country(380, part(9, Some(vec![1])))), Some(true));
        let two = part(9, Some(vec![1, 2]));
        assert_eq!(country(380, two.clone()).encloses(&country(380, part(9, Some(vec![2])))), Some(true));
        assert_eq!(country(380, two.clone()).encloses(&country(380, part(9, Some(vec![3])))), Some(false));
        assert_eq!(country(380, two).encloses(&country(380, part(9, None))), Some(false));
        // An issuer may have the parts in several entries.
        let entry = |region, subregions| Country { code: 840, regions: part(region, subregions) };
        let split =
            Region::Identified(vec![entry(1, None), entry(2, Some(vec![7])), entry(2, Some(vec![8]))]);
        let both = |subregions| {
            let regions = [(1, None), (2, Some(subregions))]
                .map(|(region, subregions)| Subdivision { region, subregions });
            Region::Identified(vec![Country { code: 840, regions: Some(regions.to_vec()) }])
        };
        assert_eq!(split.encloses(&both(vec![7, 8])), Some(true));
        assert_eq!(split.encloses(&both(vec![7, 9])), Some(false));
        assert_eq!(split.encloses(&country(840, None)), Some(false));
        // Nothing of another country is still another country's.
        assert_eq!(split.encloses(&country(250, Some(vec![]))), Some(false));
        assert_eq!(split.encloses(&country(840, part(3, Some(vec![])))), Some(false));
        // Geometry and countries need a map to be compared.
        assert_eq!(italy.encloses(&rectangle((44.0, 10.0), (43.0, 11.0))), None);
        assert_eq!(italy.contains(degrees(43.0, 11.0)), None);
    }
}
