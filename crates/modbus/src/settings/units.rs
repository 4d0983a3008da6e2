//! Units of a line in the light of the register maps and the inventory.

use std::collections::BTreeMap;
use std::sync::Arc;

use huitian_codec::registers::{InlineField, inline_map};
use huitian_codec::{RegisterMap, RegisterMaps};
use huitian_model::{Device, Inventory};

use super::{
    Endpoint, INLINE_PROFILE, LineConfig, SettingFault, UnitConfig, UnitLimits, UnitRegisters,
};
use crate::budget::{Budget, BudgetError, LineLoad, UnitLoad};
use crate::plan::PlanLimits;
use crate::{MapUnit, Unit};

impl LineConfig {
    /// The units of this line, ready to be polled.
    ///
    /// # Errors
    /// [`SettingFault`] where a map or device is not known, the device's profile is another, a
    /// channel that the inventory binds is not fed, or a unit id is used twice or not permitted.
    pub fn units(
        &self,
        maps: &RegisterMaps,
        inventory: &Inventory,
    ) -> Result<Vec<MapUnit>, SettingFault> {
        let mut by_id = BTreeMap::new();
        let mut units = Vec::with_capacity(self.units.len());
        for config in &self.units {
            let at = |text| self.fault(format!("device {}: {text}", config.device));
            let unit = self.unit(config, maps, inventory).map_err(at)?;
            if let Some(other) = by_id.insert(unit.id(), config.device.clone()) {
                let id = unit.id();
                return Err(at(format!("slave_id {id} is the one of device {other}")));
            }
            if inventory.devices.get(&config.device).is_some_and(|device| {
                u64::try_from(device.expected_every_ms).unwrap_or(0) < self.interval_ms
            }) {
                let interval = self.interval_ms;
                let text = format!("it is expected more often than the interval of {interval} ms");
                return Err(at(text));
            }
            units.push(unit);
        }
        Ok(units)
    }

    fn unit(
        &self,
        config: &UnitConfig,
        maps: &RegisterMaps,
        inventory: &Inventory,
    ) -> Result<MapUnit, String> {
        let device = inventory
            .devices
            .get(&config.device)
            .ok_or("it is not in the inventory")?;
        if device.channels.is_empty() {
            return Err("the inventory binds no channel of it".to_owned());
        }
        let map = map_of(config, device, maps)?;
        let id = self.unit_id(config, &map)?;
        for channel in device.channels.values() {
            let fed = map.channels().find(|(name, _)| **name == channel.name);
            if fed.is_none_or(|(_, quantity)| quantity != channel.quantity) {
                let known: Vec<_> = map
                    .channels()
                    .map(|(name, quantity)| format!("{name} ({quantity})"))
                    .take(20)
                    .collect();
                return Err(format!(
                    "channel {} ({}) is not fed: {} feeds {}",
                    channel.name,
                    channel.quantity,
                    map.id(),
                    known.join(", ")
                ));
            }
        }
        let limits = plan_limits(&map, config.limits);
        let bound: std::collections::BTreeSet<_> = device.channels.keys().cloned().collect();
        let spans = map.spans(&|name| bound.contains(name));
        if let Some(long) = spans
            .iter()
            .find(|span| !span.function.reads_bits() && span.count > limits.registers_max)
        {
            let (count, most) = (long.count, limits.registers_max);
            return Err(format!(
                "a value of {count} registers is longer than a request of {most}"
            ));
        }
        Ok(MapUnit::new(id, device.id.clone(), map, bound, limits))
    }

    fn unit_id(&self, config: &UnitConfig, map: &RegisterMap) -> Result<u8, String> {
        let id = config.id.or(map.limits().unit_id);
        let id = id.ok_or("slave_id: expected one, for the map names none")?;
        let (lowest, highest) = map.limits().unit_ids;
        let is_serial = matches!(self.endpoint, Endpoint::Serial(_));
        if !(lowest..=highest).contains(&id) || (is_serial && id == 0) {
            return Err(format!(
                "slave_id: expected {} to {highest}, found {id}",
                lowest.max(u8::from(is_serial))
            ));
        }
        Ok(id)
    }

    /// Where a line is set otherwise than a unit's map says that the device leaves the factory.
    pub fn notes(&self, units: &[MapUnit]) -> Vec<String> {
        let serial = self.serial;
        let told = |unit: &MapUnit| {
            let line = unit.map().line();
            let differs = line.baud_rate.is_some_and(|baud| baud != serial.baud_rate)
                || line.parity.is_some_and(|parity| parity != serial.parity)
                || line.stop_bits.is_some_and(|bits| bits != serial.stop_bits)
                || line.data_bits.is_some_and(|bits| bits != serial.data_bits);
            differs.then(|| {
                format!(
                    "unit {} ({}): {} leaves the factory with {line:?}, the line is set to \
                     {serial:?}",
                    unit.id(),
                    unit.device(),
                    unit.map().id()
                )
            })
        };
        match self.transmission {
            super::Transmission::Tcp => Vec::new(),
            super::Transmission::Rtu | super::Transmission::RtuOverTcp => {
                units.iter().filter_map(told).collect()
            }
        }
    }

    /// What the line's time is spent on.
    ///
    /// # Errors
    /// [`BudgetError`] with the arithmetic where the line cannot keep its interval.
    pub fn budget(&self, units: &[MapUnit]) -> Result<Budget, BudgetError> {
        let loads: Vec<_> = units.iter().map(UnitLoad::of).collect();
        Budget::new(&LineLoad::of(self), &loads)
    }
}

fn map_of(
    config: &UnitConfig,
    device: &Device,
    maps: &RegisterMaps,
) -> Result<Arc<RegisterMap>, String> {
    let (expected, map) = match &config.registers {
        UnitRegisters::Map { id, address_base } => {
            let map = maps.get(id).ok_or_else(|| {
                let known: Vec<_> = maps.ids().take(20).collect();
                format!("map: expected one of {}, found {id:?}", known.join(", "))
            })?;
            let map = match address_base {
                None => Arc::clone(map),
                Some(base) => Arc::new(map.with_address_base(*base)?),
            };
            (id.as_str(), map)
        }
        UnitRegisters::Inline(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| {
                    let name = &field.channel;
                    let channel = device.channels.get(name).ok_or_else(|| {
                        format!("field {name}: the inventory has no such channel of the device")
                    })?;
                    Ok(InlineField {
                        channel: name.clone(),
                        quantity: channel.quantity,
                        function: field.function,
                        address: field.address,
                        kind: field.kind,
                        order: field.order,
                        scale: field.scale,
                    })
                })
                .collect::<Result<_, String>>()?;
            (
                INLINE_PROFILE,
                Arc::new(inline_map(INLINE_PROFILE, &fields)?),
            )
        }
    };
    if device.profile != expected {
        let found = &device.profile;
        return Err(format!(
            "its profile in the inventory is {found:?}, expected {expected:?}"
        ));
    }
    Ok(map)
}

fn plan_limits(map: &RegisterMap, extra: UnitLimits) -> PlanLimits {
    let device = PlanLimits::of(map.limits());
    PlanLimits {
        registers_max: device.registers_max.min(extra.registers_max),
        bits_max: device.bits_max.min(extra.bits_max),
        gap_max: extra.gap_max,
        one_request_per_field: device.one_request_per_field || extra.one_request_per_field,
        coils_from_zero: extra.coils_from_zero,
    }
}
